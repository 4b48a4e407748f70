import type { DomainGrammar } from '../grammar.js';

export const medical: DomainGrammar = {
  domain: 'medical',
  language: 'en',
  parts: {
    image: [
      'a [MODALITY]',
      'a [VIEW] [MODALITY]',
      'a medical image',
      'a diagnostic image',
      'a de-identified [MODALITY]',
    ],
    showing: [
      'showing',
      'with signs of',
      'with evidence of',
      'consistent with',
      'suspicious for',
      'positive for',
      'negative for',
    ],
    finding: ['[NAME]', '[ADJ] [NAME]', '[NAME] in the [PART]', '[ADJ] [NAME] in the [PART]', '[NAME] near the [PART]'],
    tissue: ['[NAME]', '[ADJ] [NAME]', '[NAME] at the margin'],
    case: [
      'a typical case of',
      'an early case of',
      'an advanced case of',
      'a rare case of',
      'a follow-up image of',
      'a textbook example of',
    ],
    patient: ['a patient with', 'an adult with', 'a child with', 'an elderly patient with'],
    quality: ['a low contrast', 'a high resolution', 'a noisy', 'a cropped', 'an annotated'],
    slide: [
      'a histology slide',
      'a microscope image',
      'a stained section',
      'a dermoscopy image',
      'a fundus photograph',
      'an endoscopy frame',
    ],
  },
  rules: [
    { tags: ['modality', 'finding'], pattern: '<image> <showing> <finding>.' },
    { tags: ['modality', 'case'], pattern: '<case> [NAME] on a [MODALITY].' },
    { tags: ['modality', 'patient'], pattern: 'a [MODALITY] of <patient> <finding>.' },
    { tags: ['modality', 'quality'], pattern: '<quality> [MODALITY] <showing> [NAME].' },
    { tags: ['microscopy'], pattern: '<slide> <showing> <tissue>.' },
    { tags: ['part'], pattern: 'a [MODALITY] of the [PART] <showing> [NAME].' },
  ],
  values: {
    ADJ: 'mild,moderate,severe,focal,diffuse,bilateral,chronic,acute,subtle'.split(','),
    MODALITY: 'chest X-ray,X-ray,CT scan,MRI scan,ultrasound image,mammogram,PET scan,endoscopic image'.split(','),
    PART: 'left lung,right lung,upper lobe,lower lobe,liver,brain,spine,knee,abdomen,retina'.split(','),
    VIEW: 'frontal,lateral,axial,coronal,sagittal,portable'.split(','),
  },
};
