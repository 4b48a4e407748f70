import { describe, expect, it } from 'vitest';
import { compile } from '../runtime/program.js';
import { input } from '../tensor/index.js';
import { coordinate, coordinated, type GroupGradients, gradientNorm } from './coordinate.js';
import type { Gradients } from './flat-gradients.js';

describe('coordinate', () => {
  it('clips the feature gradient alone and adds the rest untouched', () => {
    const out = { a: new Float32Array(2), b: new Float32Array(1), c: new Float32Array(1).fill(9) };
    const feature = { a: Float32Array.of(3, 0), b: Float32Array.of(4) };
    const rest = { a: Float32Array.of(10, 20) };
    const [norm] = coordinate([{ gradients: feature, clip: 1 }, { gradients: rest }], out);
    expect(norm).toBeCloseTo(5);
    expect([...out.a]).toEqual([expect.closeTo(10.6, 4), 20]);
    expect(out.b[0]).toBeCloseTo(0.8);
    expect(out.c[0]).toBe(0);
    expect(gradientNorm(feature)).toBeCloseTo(5);
  });

  it('leaves a small feature gradient as it is', () => {
    const out = { a: new Float32Array(1) };
    coordinate([{ gradients: { a: Float32Array.of(0.5) }, clip: 1 }], out);
    expect(out.a[0]).toBe(0.5);
  });

  it('gives three groups, two of them with limits of their own, what the graph gives', async () => {
    const groups: GroupGradients<Gradients>[] = [
      { gradients: { a: Float32Array.of(3, 4), b: Float32Array.of(12) }, clip: 6.5 },
      { gradients: { a: Float32Array.of(1, 1) } },
      { gradients: { b: Float32Array.of(-2), c: Float32Array.of(7) }, clip: 1 },
    ];
    const out = { a: new Float32Array(2), b: new Float32Array(1), c: new Float32Array(1) };
    coordinate(groups, out);
    expect([...out.a]).toEqual([expect.closeTo(2.5, 5), expect.closeTo(3, 5)]);
    expect(out.b[0]).toBeCloseTo(6 - 2 / Math.hypot(2, 7), 5);

    const feeds: Record<string, { shape: number[]; data: Float32Array }> = {};
    const traced = groups.map(({ gradients, clip }, i) => ({
      clip,
      gradients: Object.fromEntries(
        Object.entries(gradients).map(([name, data]) => {
          const shape = [data.length];
          feeds[`${i}/${name}`] = { shape, data };
          return [name, input(`${i}/${name}`, shape)];
        }),
      ),
    }));
    const program = await compile({ outputs: coordinated(traced) });
    for (const [name, { data }] of Object.entries(await program.run(feeds))) {
      for (const [i, x] of data.entries()) expect(x, name).toBeCloseTo(out[name as 'a'][i]!, 5);
    }
    await program.dispose();
  });
});
