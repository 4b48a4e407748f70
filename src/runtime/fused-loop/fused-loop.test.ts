import { describe, expect, it } from 'vitest';
import { Random } from '../../math/random.js';
import {
  abs,
  add,
  div,
  equal,
  exp,
  greater,
  input,
  minimum,
  mul,
  neg,
  sqrt,
  square,
  sub,
  sum,
  where,
} from '../../tensor/index.js';
import { FusedLoop } from './fused-loop.js';
import { loopArrays } from './loop-memory.js';

const lengths = [1, 3, 4, 7, 4096, 4097, 10_001];
const random = new Random(5, 'fused loop');
const numbers = (length: number) => Float32Array.from({ length }, () => random.normal());
const x = input('x', ['n']);
const y = input('y', ['n']);
const c = input('c', []);

describe('FusedLoop', () => {
  it.each(lengths)('computes %i numbers as one by one', (length) => {
    const loop = new FusedLoop(() => ({
      a: div(sub(mul(x, c), y), add(sqrt(abs(y)), 0.5)),
      b: where(greater(x, mul(c, c)), neg(x), minimum(x, y)),
      same: where(equal(x, x), x, y),
    }));
    const arrays = { x: numbers(length), y: numbers(length) };
    const into = { a: new Float32Array(length), b: new Float32Array(length), same: new Float32Array(length) };
    loop.run(arrays, { c: 0.3 }, into);
    const f = Math.fround;
    const c32 = f(0.3);
    const both = (one: (x: number, y: number) => number) => arrays.x.map((x, i) => one(x, arrays.y[i]!));
    expect(into.a).toEqual(both((x, y) => f(f(x * c32) - y) / f(f(Math.sqrt(Math.abs(y))) + 0.5)));
    expect(into.b).toEqual(both((x, y) => (x > f(c32 * c32) ? -x : Math.min(x, y))));
    expect(into.same).toEqual(arrays.x);
  });

  it.each(lengths)('adds up %i numbers in double precision, and writes over what it reads', (length) => {
    const loop = new FusedLoop(() => ({ total: sum(square(x)), x: add(x, y), other: sum(y) }));
    const arrays = { x: numbers(length), y: numbers(length) };
    const before = arrays.x.slice();
    const { total, other } = loop.run(arrays, {}, arrays);
    expect(total).toBeCloseTo(
      before.reduce((sum, x) => sum + Math.fround(x * x), 0),
      9,
    );
    expect(other).toBeCloseTo(
      arrays.y.reduce((sum, y) => sum + y, 0),
      9,
    );
    expect(arrays.x).toEqual(before.map((x, i) => x + arrays.y[i]!));
  });

  it('computes in place what lies in its memory, beside what lies elsewhere or in the memory of another', () => {
    const loop = new FusedLoop(() => ({ x: add(mul(x, c), y), total: sum(x), z: add(input('z', ['n']), x) }));
    for (const length of [1, 4, 4097, 50_003]) {
      const [a, b, behind] = loopArrays([length, length, 3]) as [Float32Array, Float32Array, Float32Array];
      const [z] = loopArrays([length]) as [Float32Array];
      for (const array of [a, b, z]) array.set(numbers(length));
      const before = { a: a.slice(), b: b.slice(), z: z.slice() };
      const elsewhere = new Float32Array(length);
      const { total } = loop.run({ x: a, y: b, z }, { c: 0.5 }, { x: a, z: elsewhere });
      expect(a).toEqual(before.a.map((x, i) => Math.fround(x * 0.5) + before.b[i]!));
      expect(elsewhere).toEqual(before.z.map((z, i) => z + before.a[i]!));
      expect(total).toBeCloseTo(
        before.a.reduce((sum, x) => sum + x, 0),
        9,
      );
      expect([b, z, [...behind]]).toEqual([before.b, before.z, [0, 0, 0]]);
    }
  });

  it('divides what one memory of 4 GB does not hold', () => {
    const lengths = [6e8, 3e8, 3e8, 1];
    const arrays = loopArrays(lengths);
    expect(arrays.map(({ length }) => length)).toEqual(lengths);
    expect(arrays.map(({ buffer }) => arrays.findIndex((other) => other.buffer === buffer))).toEqual([0, 0, 2, 2]);
    arrays[2]!.fill(1, 3e8 - 4);
    new FusedLoop(() => ({ x: neg(x) })).run(
      { x: arrays[2]!.subarray(3e8 - 7) },
      {},
      { x: arrays[2]!.subarray(3e8 - 7) },
    );
    expect([...arrays[2]!.subarray(3e8 - 7), ...arrays[3]!]).toEqual([-0, -0, -0, -1, -1, -1, -1, 0]);
  });

  it('says what it cannot do', () => {
    expect(() => new FusedLoop(() => ({ y: exp(x) })).run({ x: numbers(4) })).toThrow(/Exp is not an element-wise op/);
    const loop = new FusedLoop(() => ({ z: add(x, y) }));
    expect(() => loop.run({ x: numbers(4), y: numbers(5) }, {}, { z: numbers(4) })).toThrow(
      /arrays of 4 and 5 numbers/,
    );
    expect(() => loop.run({ x: numbers(4) }, {}, { z: numbers(4) })).toThrow(/array y is missing/);
  });
});
