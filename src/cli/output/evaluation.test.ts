import { expect, it } from 'vitest';
import type { Evaluation } from '../../evaluate/index.js';
import { evaluationTable } from './evaluation.js';

const evaluation: Evaluation = {
  ...{ data: 'coco', split: 'test', images: 2, classes: 2, templates: ['a photo of a {}'], classNames: ['cat', 'dog'] },
  ...{ scoring: 'softmax', fingerprint: '', artists: [], warnings: [], skipped: [], predictions: [] },
};

it('says the class texts where there are classes, and nothing of them where captions are all there is', () => {
  expect(evaluationTable('m', evaluation)).toContain('class texts: "a photo of a {}"');
  expect(evaluationTable('m', { ...evaluation, classes: 0, classNames: [] })).not.toContain('class texts');
});
