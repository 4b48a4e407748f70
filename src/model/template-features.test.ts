import { expect, it } from 'vitest';
import { compileOptions, config, teacher } from '../test/colours.fixture.js';
import { templateFeatures } from './template-features.js';

const names = ['red', 'grey'];
const of = async (templates: string[], raw: boolean) =>
  (await templateFeatures(teacher, names, templates, { ...compileOptions, raw })).data as Float32Array;
const row = (data: Float32Array, i: number) =>
  data.subarray(i * config.projection_dim, (i + 1) * config.projection_dim);
const norm = (x: Float32Array) => Math.hypot(...x);

it('takes the mean over templates of features of unit length, or as they are', async () => {
  const templates = ['a {}', 'thing of {} stripes'];
  for (const raw of [false, true]) {
    const [first, second, both] = [
      await of([templates[0]!], raw),
      await of([templates[1]!], raw),
      await of(templates, raw),
    ];
    for (const [i, x] of both.entries()) expect(x).toBeCloseTo((first[i]! + second[i]!) / 2, 5);
    for (const i of names.keys()) {
      if (raw) expect(norm(row(first, i))).not.toBeCloseTo(1, 1);
      else expect(norm(row(first, i))).toBeCloseTo(1, 5);
    }
  }
  const [unit, plain] = [await of([templates[0]!], false), await of([templates[0]!], true)];
  for (const i of names.keys()) {
    const length = norm(row(plain, i));
    for (const [k, x] of row(plain, i).entries()) expect(x / length).toBeCloseTo(row(unit, i)[k]!, 5);
  }
});
