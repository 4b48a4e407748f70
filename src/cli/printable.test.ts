import { describe, expect, it } from 'vitest';
import { printable, printableJson } from '../printable.js';
import { describeFailure } from './failure.js';
import { printResult } from './options.js';
import { createProgress } from './terminal/progress.js';

const evil = 'a\x1b]0;owned\x07b\x9b2Jc\r\u202egnp.exe\x7f';
const shown = 'a\\x1b]0;owned\\x07b\\x9b2Jc\\x0d\\u202egnp.exe\\x7f';

/** What a stream is given while something runs. */
function written(stream: NodeJS.WriteStream, work: () => void): string {
  let text = '';
  const { write } = stream;
  stream.write = (part: unknown) => {
    text += String(part);
    return true;
  };
  try {
    work();
  } finally {
    stream.write = write;
  }
  return text;
}

describe('what a terminal would act upon', () => {
  it('is shown, and all else is as it was', () => {
    expect(printable(evil)).toBe(shown);
    expect(printable('tab\tline\nünïcödé 图 👩‍🚀 שלום')).toBe('tab\tline\nünïcödé 图 👩‍🚀 שלום');
    expect(JSON.parse(printableJson({ [evil]: evil }))).toEqual({ [evil]: evil });
    expect(printableJson(evil)).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  it('is in no result, whether for people or machines', () => {
    expect(written(process.stdout, () => printResult({}, {}, () => `split ${evil}`))).toBe(`split ${shown}\n`);
    const json = written(process.stdout, () => printResult({ json: true }, { split: evil }, () => ''));
    expect(json).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(JSON.parse(json)).toEqual({ split: evil });
  });

  it('is in no progress', () => {
    for (const options of [{}, { json: true }]) {
      const text = written(process.stderr, () => {
        const progress = createProgress(options);
        progress.update({ phase: evil, step: 1, steps: 2 });
        progress.log(evil);
        progress.stop();
      });
      expect(text).toContain('owned');
      expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    }
  });

  it('is in no error', () => {
    expect(describeFailure(new Error(evil), false).message).toContain(shown);
    expect(describeFailure(evil, false).message).toBe(shown);
  });
});
