import { expect, it } from 'vitest';
import { cvpr2024Recipe } from './cvpr2024-recipe.js';
import { fitCvpr2024 } from './fit-recipe.js';
import { checkUnlabelled } from './unlabelled-images.js';

const classes = [
  { name: 'a', novel: false },
  { name: 'b', novel: true },
];
const image = { id: '1', label: 1, captions: [] };
const recipe = cvpr2024Recipe.parse({});

it('learns from base classes where the data has no other images to learn from, as emoji', () => {
  const { fields, reasons } = fitCvpr2024(recipe, { name: 'emoji', classes });
  expect(fields).toEqual({ 'distillation.classes': 'base' });
  expect(reasons[0]).toContain('emoji has no images of novel classes in train');
  const dataset = {
    name: 'emoji',
    classes,
    splits: {},
    load: async () => Promise.reject(),
    fingerprint: '',
    skipped: [],
  };
  expect(() => checkUnlabelled(dataset, recipe)).toThrow('distillation.classes=all');
  checkUnlabelled(dataset, cvpr2024Recipe.parse({ distillation: { classes: 'base' } }));
});

it.each([
  ['coop:data/oxford_flowers?novel=half', { 'distillation.kd_weight': 200 }],
  ['coop:fgvc_aircraft?novel=half', { 'distillation.kd_weight': 200 }],
  ['coop:/data/dtd', { 'distillation.kd_weight': 200 }],
  ['coop:oxford_pets?novel=half', {}],
])('takes the paper’s weight for %s', (name, fields) => {
  expect(fitCvpr2024(recipe, { name, classes, aside: { train: [image] } }).fields).toEqual(fields);
});
