import { describe, expect, it } from 'vitest';
import type { PromptSearch } from '../../prompt-search/search.js';
import { promptSearchJson, promptSearchText } from './prompt-search.js';

const quality = { top1: 0.5, logLikelihood: -1 };
const interval = (value: number) => ({ value, low: value - 0.02, high: value + 0.02 });

/** A search whose set gains so much over the default templates; without a number, nothing was measured. */
function result(gain?: number): PromptSearch {
  const figures = [
    { name: 'found', templates: 1, top1: interval(0.5 + (gain ?? 0)) },
    { name: 'default, coop-imagenet', templates: 2, top1: interval(0.5), gain: interval(gain ?? 0) },
  ];
  return {
    ...{ found: { templates: ['a [OBJ]'], weights: [1] }, data: 'd', split: 'val', by: 'labels', seed: 0 },
    ...{ images: 10, classes: 2, scored: 5, seconds: 1 },
    choice: { method: 'beam', weighted: false, fit: quality, validation: quality },
    heldOut: gain === undefined ? undefined : { split: 'test', images: 100, figures },
  };
}

describe('what search-prompts prints', () => {
  it.each([
    [-0.03, /^warning: worse than the default templates by 3\.0 points of top-1 on test: /m],
    [0.01, /^better than the default templates by 1\.0 points .*; the interval includes 0/m],
    [0.05, /^better than the default templates by 5\.0 points of top-1 on test$/m],
    [0, /^no gain over the default templates on test$/m],
    [undefined, /^gain: not measured, .* it may be worse than the default templates$/m],
  ])('says of a gain of %s whether the set is worth taking', (gain, sentence) => {
    expect(promptSearchText('prompts.json', result(gain))).toMatch(sentence);
  });

  it('fits a terminal, whatever many published sets say the same', () => {
    const [found] = result(0.05).heldOut!.figures;
    const name = 'default, coop-imagenet, coop-caltech101, coop-stanford-cars, coop-sun397';
    const figures = [found!, { name, templates: 1, top1: interval(0.5), gain: interval(-0.33) }];
    const text = promptSearchText('p.json', { ...result(0.05), heldOut: { split: 'test', images: 100, figures } });
    expect(text).toContain('default and 4 alike');
    const table = text.split('\n').filter((line) => /\d %/.test(line) || line.includes('─'));
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('says so to machines, too', () => {
    expect(promptSearchJson('m', result(-0.03))).toMatchObject({ held_out: { worse_than_default: true } });
    expect(promptSearchJson('m', result(0.01))).toMatchObject({ held_out: { worse_than_default: false } });
  });
});
