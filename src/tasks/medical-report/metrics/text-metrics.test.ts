import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bleu, type Compared } from './bleu.js';
import { ciderD } from './cider-d.js';
import { rougeL } from './rouge-l.js';

// By pycocoevalcap itself: make.py stands beside it.
const golden = JSON.parse(
  readFileSync(new URL('../../../../fixtures/golden/reports/text-metrics.json', import.meta.url), 'utf8'),
) as {
  studies: Compared[];
  bleu: number[];
  rouge_l: number;
  rouge_l_each: number[];
  cider_d: number;
};

describe('text metrics are those of pycocoevalcap', () => {
  it('BLEU-1 … BLEU-4', () => {
    for (const [n, value] of bleu(golden.studies).entries()) expect(value).toBeCloseTo(golden.bleu[n]!, 12);
  });

  it('ROUGE-L, study by study and together', () => {
    for (const [i, study] of golden.studies.entries()) {
      expect(rougeL([study]), study.draft).toBeCloseTo(golden.rouge_l_each[i]!, 12);
    }
    expect(rougeL(golden.studies)).toBeCloseTo(golden.rouge_l, 12);
  });

  it('CIDEr-D, whose document frequencies are the corpus’s', () => {
    expect(ciderD(golden.studies)).toBeCloseTo(golden.cider_d, 12);
    expect(ciderD(golden.studies.slice(0, 1))).toBe(0);
  });
});
