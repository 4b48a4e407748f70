import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import * as t from './index.js';

/** Runs a graph whose inputs have symbolic sizes at the sizes of the feeds. */
async function run(y: t.Tensor, feeds: Record<string, [number[], number[]]>) {
  const { bytes } = t.toOnnx({ outputs: { y } });
  const session = await ort.InferenceSession.create(bytes);
  const tensors = Object.entries(feeds).map(([name, [shape, data]]) => [
    name,
    new ort.Tensor('float32', Float32Array.from(data), shape),
  ]);
  const out = (await session.run(Object.fromEntries(tensors))).y!;
  await session.release();
  return { shape: out.dims, data: Array.from(out.data as Float32Array, Number) };
}

const count = (n: number) => Array.from({ length: n }, (_, i) => i);
const x = () => t.input('x', ['batch', 'sequence', 2]);

describe('symbolic sizes', () => {
  it('keep their place in a reshape, and one more is inferred', async () => {
    const y = t.reshape(x(), ['batch', 'sequence', 1, 2]);
    expect(y.shape).toEqual(['batch', 'sequence', 1, 2]);
    expect((await run(y, { x: [[2, 3, 2], count(12)] })).shape).toEqual([2, 3, 1, 2]);
    const z = t.reshape(t.input('x', ['batch', 'sequence']), ['batch', 1, 'sequence']);
    expect((await run(z, { x: [[3, 5], count(15)] })).shape).toEqual([3, 1, 5]);
    expect(() => t.reshape(x(), [2, 'batch', 'sequence'])).toThrow(/reshape: cannot make/);
  });

  it('are counted where parts of one axis are cut and joined', async () => {
    const [first, rest] = [t.slice(x(), 1, 0, 1), t.slice(x(), 1, 2)];
    expect(rest.shape).toEqual(['batch', 'sequence-2', 2]);
    const joined = t.concat([first, first, first, rest], 1);
    expect(joined.shape).toEqual(['batch', 'sequence+1', 2]);
    expect(t.slice(joined, 1, 1).shape).toEqual(['batch', 'sequence', 2]);
  });

  it('cut and join at run time', async () => {
    const all = x();
    const y = t.concat([t.slice(all, 1, 0, 1), t.slice(all, 1, 0, 1), t.slice(all, 1, 2)], 1);
    expect(y.shape).toEqual(['batch', 'sequence', 2]);
    expect(await run(y, { x: [[1, 4, 2], count(8)] })).toEqual({ shape: [1, 4, 2], data: [0, 1, 0, 1, 4, 5, 6, 7] });
  });

  it('refuse what only a known size answers', () => {
    expect(() => t.slice(x(), 1, -1)).toThrow(/slice: -1 to undefined cannot be cut.*symbolic/);
    expect(() => t.slice(x(), 1, 2, 2)).toThrow(/symbolic/);
    expect(() => t.concat([x(), x()], 1)).toThrow(/concat: cannot add the sizes sequence and sequence/);
  });

  it.each([1, 4])('give positions, the first rows of a table and each item’s row at %i tokens', async (tokens) => {
    const all = x();
    const table = t.constant({ shape: [5, 2], data: Float32Array.from(count(10)) });
    const rows = await run(t.add(all, t.firstRows(table, all, 1)), { x: [[1, tokens, 2], Array(2 * tokens).fill(1)] });
    expect(rows.data).toEqual(count(2 * tokens).map((v) => v + 1));
    const places = await run(t.cast(t.positions(all, 1), 'float32'), { x: [[1, tokens, 2], count(2 * tokens)] });
    expect(places.data).toEqual(count(tokens));
    const last = t.argMax(t.sum(all, [2])); // values grow along the sequence
    const row = await run(t.gatherRows(all, last), { x: [[1, tokens, 2], count(2 * tokens)] });
    expect(row).toEqual({ shape: [1, 2], data: [2 * tokens - 2, 2 * tokens - 1] });
  });

  it('leave argMax the first of equals', async () => {
    const y = t.cast(t.argMax(t.input('x', ['batch', 4])), 'float32');
    expect(
      (
        await run(y, {
          x: [
            [2, 4],
            [1, 3, 3, 0, 5, 5, 5, 5],
          ],
        })
      ).data,
    ).toEqual([1, 0]);
  });

  it('fail at run time where a table has too few rows', async () => {
    const table = t.constant({ shape: [3, 2], data: Float32Array.from(count(6)) });
    const all = x();
    await expect(run(t.add(all, t.firstRows(table, all, 1)), { x: [[1, 4, 2], count(8)] })).rejects.toThrow(/bounds/);
  });
});

describe('binary16 weights', () => {
  it('are stored in two bytes and read as float32', async () => {
    const w = t.input('w', [2, 2]);
    const half = { shape: [2, 2], data: Uint16Array.of(0x3c00, 0x3800, 0xc000, 0x0000) }; // 1, 0.5, −2, 0
    const { bytes, inputs } = t.toOnnx({ outputs: { y: t.mul(t.input('x', [2, 2]), w) }, initializers: { w: half } });
    expect(inputs.map(({ name }) => name)).toEqual(['x']);
    const session = await ort.InferenceSession.create(bytes);
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(3, 3, 3, 3), [2, 2]) });
    await session.release();
    expect([...(y!.data as Float32Array)]).toEqual([3, 1.5, -6, 0]);
  });
});
