import { expect, it } from 'vitest';
import type { FusionFigures } from '../distill/index.js';
import { wilson } from '../math/index.js';
import { teachersPage } from './teachers.js';

const figures: FusionFigures = {
  rule: 'confidence',
  split: 'test',
  images: 40,
  teachers: [
    { name: 'colour <1>', top1: wilson(20, 40), temperature: 1.25, weight: 0.6 },
    { name: 'outline', top1: wilson(10, 40), temperature: 0.8, weight: 0.4 },
  ],
  equal: wilson(22, 40),
  chosen: wilson(24, 40),
  oracle: wilson(30, 40),
  classes: [
    { name: 'cat', images: 20, weights: [0.95, 0.05] },
    { name: 'owl', images: 10, weights: [0.31, 0.69] },
    { name: 'fox', images: 10, weights: [0.33, 0.67] },
  ],
};

it('shows each teacher alone, the mixes and the oracle, and weights by class as a histogram', () => {
  const page = teachersPage(figures);
  for (const shown of [
    '50.0 %',
    '25.0 %',
    '55.0 %',
    '60.0 %',
    '75.0 %',
    'equal mix',
    'rule: confidence',
    'oracle pick',
  ])
    expect(page).toContain(shown);
  expect(page).toContain('Classes by mean weight of outline. 0–10 %: 1, 10–20 %: 0');
  expect(page).toContain('30–40 %: 2');
  expect(page).toContain('owl 69 %, fox 67 %, cat 5 %');
  expect(page).toContain('colour &#60;1&#62;');
  expect(page).not.toMatch(/<script|https?:/);
});
