import type { FindingSet, ReportFinding } from './finding-set.js';

const finding = (name: string, mentions: readonly string[], more: Partial<ReportFinding> = {}): ReportFinding => ({
  ...{ name, mentions, prompt: name.toLowerCase() },
  ...more,
});

/**
 * The 14 observations of CheXpert (Irvin et al. 2019, arXiv 1901.07031) with the phrase lists of its labeler
 * (stanfordmlgroup/chexpert-labeler, MIT licence; see NOTICE). Its negations need a dependency parser: `labelReport` goes by cues
 * within a clause instead, so that figures are called keyword F1, not CheXpert F1.
 */
export const chexpert: FindingSet = {
  name: 'chexpert',
  none: 'No Finding',
  five: ['Atelectasis', 'Cardiomegaly', 'Consolidation', 'Edema', 'Pleural Effusion'],
  findings: [
    finding('No Finding', [], { prompt: 'finding' }),
    finding('Enlarged Cardiomediastinum', [
      ...['_mediastinum', 'cardiomediastinum', 'contour', 'mediastinal configuration', 'mediastinal silhouette'],
      ...['pericardial silhouette', 'cardiac silhouette and vascularity'],
    ]),
    finding('Cardiomegaly', [
      ...['cardiomegaly', 'the heart', 'heart size', 'cardiac enlargement', 'cardiac size', 'cardiac shadow'],
      ...['cardiac contour', 'cardiac silhouette', 'enlarged heart'],
    ]),
    finding(
      'Lung Lesion',
      [
        ...['mass', 'nodular density', 'nodular densities', 'nodular opacity', 'nodular opacities'],
        ...['nodular opacification', 'nodule', 'lump', 'cavitary lesion', 'carcinoma', 'neoplasm', 'tumor'],
      ],
      { unlike: ['calcified nodul', 'massive', 'massengale'] },
    ),
    finding(
      'Lung Opacity',
      [
        ...['opaci', 'decreased translucency', 'increased density', 'airspace disease', 'air-space disease'],
        ...['air space disease', 'infiltrate', 'infiltration', 'interstitial marking', 'interstitial pattern'],
        ...['interstitial lung', 'reticular pattern', 'reticular marking', 'reticulation', 'parenchymal scarring'],
        ...['peribronchial thickening', 'wall thickening', 'scar'],
      ],
      { unlike: ['pleural scar'] },
    ),
    finding('Edema', [
      ...['edema', 'heart failure', 'chf', 'vascular congestion', 'pulmonary congestion', 'indistinctness'],
      'vascular prominence',
    ]),
    finding('Consolidation', ['consolidat']),
    finding('Pneumonia', ['pneumonia', 'infection', 'infectious process', 'infectious']),
    finding('Atelectasis', ['atelecta', 'collapse']),
    finding('Pneumothorax', ['pneumothorax', 'pneumothoraces']),
    finding('Pleural Effusion', ['pleural fluid', 'effusion'], { unlike: ['pericardial effusion'] }),
    finding('Pleural Other', [
      ...['pleural thickening', 'fibrosis', 'fibrothorax', 'pleural scar', 'pleural parenchymal scar'],
      ...['pleuro-parenchymal scar', 'pleuro-pericardial scar'],
    ]),
    finding('Fracture', ['fracture']),
    finding('Support Devices', [
      ...['pacer', '_line_', 'lines', 'picc', 'tube', 'valve', 'catheter', 'pacemaker', 'hardware', 'arthroplast'],
      ...['marker', 'icd', 'defib', 'device', 'drain_', 'plate', 'screw', 'cannula', 'apparatus', 'coil', 'support'],
      ...['equipment', 'mediport'],
    ]),
  ],
  other: [
    ...['emphysema', 'blunt', 'density', 'elevation', 'eventration', 'scoliosis', 'degenera', 'calcifi'],
    ...['hyperinflation', 'bronchospasm', 'asthma', 'hernia', 'copd', 'interstitial markings', 'plaque'],
    ...['osteophytosis', 'aortic disease', 'bronchiolitis', 'airways disease', 'thickening', 'cephalization'],
    ...['aspiration', 'bullae', 'hyperinflat', 'contusion', 'atherosclero', 'osteopenia', 'metastasis', 'granuloma'],
    ...['pneumomediastinum', 'pneumoperitoneum', 'osteodystrophy', 'cuffing', 'irregular lucency', 'inflam'],
    ...['fissure', 'hypertension', 'prominen', 'kyphosis', 'defib', 'hyperexpansion', 'bullet', 'reticula'],
    ...['thoracentesis', 'bronchitis', 'volume loss', 'deformity', 'hemorrhage', 'hematoma', 'radiopaque'],
    ...['aerophagia', 'arthropathy', 'tracheostomy'],
  ],
};
