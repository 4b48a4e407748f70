import { describe, expect, it } from 'vitest';
import { openPhantoms } from '../../../data/index.js';
import { findingSet } from './finding-set.js';
import { labelReport, type Said } from './labeler.js';
import { isQuotable } from './quotable.js';
import { metricText, sentencesOf } from './sentences.js';

const chexpert = findingSet('chexpert');
const phantoms = findingSet('phantoms');

/** Sentences as radiologists write them, labelled by hand. */
const byHand: readonly (readonly [string, Readonly<Record<string, Said>>])[] = [
  ['No pleural effusion or pneumothorax.', { 'Pleural Effusion': 'absent', Pneumothorax: 'absent' }],
  ['There is a small left pleural effusion.', { 'Pleural Effusion': 'present' }],
  [
    'No focal consolidation, pleural effusion, or pneumothorax is seen.',
    { Consolidation: 'absent', 'Pleural Effusion': 'absent', Pneumothorax: 'absent' },
  ],
  ['The heart is enlarged, but there is no effusion.', { Cardiomegaly: 'present', 'Pleural Effusion': 'absent' }],
  ['Heart size is normal.', { Cardiomegaly: 'absent' }],
  ['The cardiac silhouette is within normal limits.', { Cardiomegaly: 'absent' }],
  ['Cardiomegaly without pulmonary edema.', { Cardiomegaly: 'present', Edema: 'absent' }],
  ['Findings may represent pneumonia.', { Pneumonia: 'uncertain' }],
  ['Patchy opacity, possibly atelectasis.', { 'Lung Opacity': 'uncertain', Atelectasis: 'uncertain' }],
  ['No change in the large right effusion.', { 'Pleural Effusion': 'present' }],
  ['The pneumothorax has resolved.', { Pneumothorax: 'absent' }],
  ['A right PICC line is in place; no pneumothorax.', { 'Support Devices': 'present', Pneumothorax: 'absent' }],
  ['Small pericardial effusion.', {}],
  ['Neither edema nor consolidation.', { Edema: 'absent', Consolidation: 'absent' }],
  ['There is no evidence of acute fracture.', { Fracture: 'absent' }],
  ['No nodule is seen, the heart is enlarged.', { 'Lung Lesion': 'absent', Cardiomegaly: 'present' }],
  ['Effusion is not identified.', { 'Pleural Effusion': 'absent' }],
  ['Bibasilar atelectasis with a massive hiatal hernia.', { Atelectasis: 'present' }],
  ['Pneumonia cannot be excluded.', { Pneumonia: 'uncertain' }],
  ['Normal heart size.', { Cardiomegaly: 'absent' }],
];

describe('the keyword labeler', () => {
  it.each(byHand)('%s', (sentence, expected) => {
    const { 'No Finding': _, ...found } = Object.fromEntries(labelReport(sentence, chexpert));
    expect(found).toEqual(expected);
  });

  it('No Finding where nothing is said to be there, devices apart', () => {
    const none = (report: string) => labelReport(report, chexpert).get('No Finding');
    expect(none('The lungs are clear. No effusion.')).toBe('present');
    expect(none('Central line in place. No effusion.')).toBe('present');
    expect(none('Small effusion.')).toBe('absent');
    expect(none('Severe scoliosis. No effusion.')).toBe('absent');
  });

  it('agrees with what every phantom shows', () => {
    const { studies } = openPhantoms();
    let [right, mentioned] = [0, 0];
    const missed: string[] = [];
    for (const { findings, report } of studies.slice(0, 200)) {
      const labels = labelReport(report, phantoms);
      for (const { name } of phantoms.findings) {
        const said = labels.get(name);
        const isThere = (findings as ReadonlySet<string>).has(name);
        // Where a report has a nodule, it says nothing of other places.
        if (said === undefined) {
          missed.push(...(isThere ? [`${name}: ${report}`] : []));
          continue;
        }
        mentioned++;
        if (said === (isThere ? 'present' : 'absent')) right++;
      }
    }
    expect(missed).toEqual([]);
    expect(mentioned).toBeGreaterThan(800);
    expect(right / mentioned).toBe(1);
  });
});

it('sentences of earlier images, people, dates and blanks are not quoted', () => {
  for (const sentence of [
    'Unchanged from the prior study.',
    'The effusion has increased.',
    'Findings were discussed with Dr. Miller by telephone.',
    'Compared to ___, no change.',
    'Dictated on 12/03/2019.',
    'XXXX sternotomy wires.',
  ])
    expect(isQuotable(sentence), sentence).toBe(false);
  for (const sentence of ['The heart is enlarged.', 'There is a 1.5 cm nodule in the left upper zone.'])
    expect(isQuotable(sentence), sentence).toBe(true);
});

it('reports are cut into sentences and cleaned for text metrics', () => {
  expect(sentencesOf('1. Nodule of 1.5 cm.  2. No effusion.\nHeart normal')).toEqual([
    'Nodule of 1.5 cm.',
    'No effusion.',
    'Heart normal',
  ]);
  expect(metricText('The Heart is normal; no effusion. Lungs: clear.')).toBe(
    'the heart is normal no effusion . lungs clear .',
  );
});
