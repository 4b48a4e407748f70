import { expect, it } from 'vitest';
import { tokenTable, wholeTokenTable } from '../../clip/index.js';
import { Random } from '../../math/random.js';
import { config, recipe, teacher } from '../../test/colours.fixture.js';
import { tokenRank, withFactorisedTokens } from './factorised-tokens.js';

it('starts as the nearest table of its rank: one of that rank is kept', () => {
  const random = new Random('tokens');
  const [rows, width, rank] = [config.text_config.vocab_size, config.text_config.hidden_size, 5];
  const draw = (n: number) => Array.from({ length: n }, () => random.normal());
  const [left, right] = [draw(rows * rank), draw(rank * width)];
  const data = Float32Array.from({ length: rows * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return left.slice(row * rank, (row + 1) * rank).reduce((sum, x, j) => sum + x * right[j * width + column]!, 0);
  });
  const params = { ...teacher.params, [tokenTable]: { shape: [rows, width], data } };
  const start = { config, params, tokenizer: teacher.tokenizer };
  const of = (token_rank: number) => {
    const { student } = recipe({ student: { ...recipe().student, tokens: 'factorised', token_rank } });
    const made = withFactorisedTokens(start, { student });
    const whole = wholeTokenTable(made.params);
    return { made, error: Math.max(...whole.data.map((x, i) => Math.abs(x - data[i]!))) };
  };
  expect(of(5).made.config.text_config.token_rank).toBe(5);
  expect(of(5).error).toBeLessThan(1e-4);
  expect(of(4).error).toBeGreaterThan(0.1);
});

it('takes a quarter of the width, in eights', () => {
  expect([24, 48, 128, 512].map(tokenRank)).toEqual([8, 16, 32, 128]);
});
