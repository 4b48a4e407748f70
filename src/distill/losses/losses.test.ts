import { describe, expect, it } from 'vitest';
import { clipLogits } from '../../clip/towers/similarity.js';
import { Random } from '../../math/random.js';
import { headAverage } from '../../nn/head-average.js';
import { compile } from '../../runtime/program.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { affinityLoss } from './affinity-loss.js';
import { attentionLoss } from './attention-loss.js';
import { crossModalLoss, studentCrossMap, teacherCrossMap } from './cross-modal.js';
import { embeddingFeature, featureLoss, initFeatureMap, standardize } from './feature-loss.js';
import { interactiveLoss } from './interactive-loss.js';
import { mapLayers } from './layer-map.js';
import { regridAttention, regridTokens } from './regrid.js';

import { responseLoss } from './response-loss.js';

const draw = (name: string, ...shape: number[]): HostTensor<Float32Array> => {
  const random = new Random(3, name);
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()) };
};

/** Runs named arrays through a graph; scalars and maps come back as plain arrays. */
async function run(feeds: Record<string, HostTensor>, build: (p: Record<string, Tensor>) => Record<string, Tensor>) {
  const p = Object.fromEntries(
    Object.entries(feeds).map(([n, x]) => [n, t.input(n, x.shape, x.data instanceof Int32Array ? 'int32' : 'float32')]),
  );
  const program = await compile({ outputs: build(p) }, { threads: 1 });
  const out = await program.run(feeds);
  const plain = Object.fromEntries(Object.entries(out).map(([n, x]) => [n, Array.from(x.data)]));
  await program.dispose();
  return plain;
}

const choices = (student: Tensor, teacher: Tensor) => ({ student, teacher, answers: 'softmax' as const });
const softmax = (row: number[]): number[] => {
  const e = row.map((x) => Math.exp(x - Math.max(...row)));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / sum);
};
const rowsOf = (x: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: x.length / width }, (_, i) => Array.from({ length: width }, (_, j) => x[i * width + j]!));
const unit = (row: number[]) => row.map((x) => x / Math.hypot(...row));
const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const product = (a: number[][], b: number[][]) =>
  a.map((r) =>
    b[0]!.map((_, j) =>
      dot(
        r,
        b.map((c) => c[j]!),
      ),
    ),
  );
const mse = (a: number[], b: number[]) => a.reduce((s, x, i) => s + (x - b[i]!) ** 2, 0) / a.length;

describe('response', () => {
  const [T, lambda] = [2, 0.1];
  const kl = (z: number[][], y: number[][]) => {
    const rows = z.map((row, i) => {
      const p = softmax(y[i]!.map((x) => x / T));
      const q = softmax(row.map((x) => x / T));
      return p.reduce((s, x, j) => s + x * Math.log(x / q[j]!), 0);
    });
    return (T * T * rows.reduce((a, b) => a + b, 0)) / rows.length;
  };
  const turn = (m: number[][]) => m[0]!.map((_, j) => m.map((r) => r[j]!));
  const feeds = { s: draw('s', 3, 4), t: draw('t', 3, 4), a: draw('a', 2, 5), b: draw('b', 3) };

  it('is T² KL + λ ‖prompts‖², one way and both ways', async () => {
    const out = await run(feeds, (p) => ({
      one: responseLoss(choices(p.s!, p.t!), [p.a!, p.b!], { temperature: T, lambda }),
      both: responseLoss(choices(p.s!, p.t!), [], { temperature: T, lambda, bothWays: true }),
      same: responseLoss(choices(p.t!, p.t!), [], { temperature: T, lambda }),
    }));
    const [s, y] = [rowsOf(feeds.s.data, 4), rowsOf(feeds.t.data, 4)];
    const squares = [...feeds.a.data, ...feeds.b.data].reduce((sum, x) => sum + x * x, 0) / 13;
    expect(out.one![0]).toBeCloseTo(kl(s, y) + lambda * squares, 5);
    expect(out.both![0]).toBeCloseTo((kl(s, y) + kl(turn(s), turn(y))) / 2, 5);
    expect(out.same![0]).toBeCloseTo(0, 6);
  });

  it('sends no gradient into the teacher', async () => {
    const out = await run(feeds, (p) => {
      const loss = responseLoss(choices(p.s!, p.t!), [], { temperature: T, lambda });
      const [s, y] = t.grad(loss, [p.s!, p.t!]);
      return { ds: s!, dt: y! };
    });
    expect(out.ds!.some((x) => x !== 0)).toBe(true);
    expect(out.dt!.every((x) => x === 0)).toBe(true);
  });
});

describe('affinity', () => {
  /** Images, captions and logarithms of the logit scale of a student (of width 3) and a teacher (of width 4). */
  const student = {
    image: { shape: [3, 3], data: Float32Array.of(0.9, -0.2, 0.4, 0.1, 0.8, -0.3, -0.5, 0.3, 0.7) },
    text: { shape: [3, 3], data: Float32Array.of(0.7, 0.1, 0.2, 0.2, 0.9, 0.1, -0.4, 0.2, 0.9) },
    scale: { shape: [], data: Float32Array.of(1.2) },
  };
  const theirs = {
    image: { shape: [3, 4], data: Float32Array.of(0.8, 0.1, 0.3, -0.2, 0.2, 0.7, -0.4, 0.1, -0.3, 0.5, 0.6, 0.4) },
    text: { shape: [3, 4], data: Float32Array.of(0.6, 0.3, 0.1, -0.1, 0.1, 0.8, -0.2, 0.3, -0.2, 0.1, 0.9, 0.2) },
    scale: { shape: [], data: Float32Array.of(1.7) },
  };
  /**
   * By NumPy in fp64: TinyCLIP's cross-entropies of both ways, halved, less the teacher's entropies; and their central
   * differences.
   */
  const reference = {
    loss: 0.02336025995427833,
    image: [-0.00392621, 0.0381178, 0.02789288, -0.03243055, 0.0004544, -0.00959846, 0.01265536, 0.01766041, 0.0014708],
    text: [
      -0.00378166, 0.00402437, 0.01122363, 0.03902856, -0.01530088, 0.05965083, 0.02287785, 0.01829405, 0.00610259,
    ],
    scale: [-0.09938788],
  };

  it('is the mean of both ways’ KL, with the gradients of a reference, and none into the teacher', async () => {
    const named = (models: object, prefix: string) =>
      Object.fromEntries(Object.entries(models).map(([name, x]) => [prefix + name, x as HostTensor]));
    const out = await run({ ...named(student, 's.'), ...named(theirs, 't.') }, (p) => {
      const logits = (of: string) => clipLogits(p[`${of}.image`]!, p[`${of}.text`]!, p[`${of}.scale`]!);
      const loss = affinityLoss(choices(logits('s'), logits('t')));
      const [image, text, scale, teacher] = t.grad(loss, [p['s.image']!, p['s.text']!, p['s.scale']!, p['t.image']!]);
      const same = affinityLoss(choices(logits('t'), logits('t')));
      return { loss, same, image: image!, text: text!, scale: scale!, teacher: teacher! };
    });
    expect(out.loss![0]).toBeCloseTo(reference.loss, 6);
    expect(out.same![0]).toBeCloseTo(0, 6);
    for (const name of ['image', 'text', 'scale'] as const) {
      expect(out[name]).toHaveLength(reference[name].length);
      for (const [i, x] of reference[name].entries()) expect(out[name]![i], `${name} ${i}`).toBeCloseTo(x, 5);
    }
    expect(out.teacher!.every((x) => x === 0)).toBe(true);
  });
});

describe('interactive contrastive learning', () => {
  const feeds = {
    image: { shape: [3, 3], data: Float32Array.of(0.9, -0.2, 0.4, 0.1, 0.8, -0.3, -0.5, 0.3, 0.7) },
    text: { shape: [3, 3], data: Float32Array.of(0.7, 0.1, 0.2, 0.2, 0.9, 0.1, -0.4, 0.2, 0.9) },
    scale: { shape: [], data: Float32Array.of(1.2) },
    images: { shape: [3, 3], data: Float32Array.of(0.8, 0.1, 0.3, 0.2, 0.7, -0.4, -0.3, 0.5, 0.6) },
    texts: { shape: [3, 3], data: Float32Array.of(0.6, 0.3, 0.1, 0.1, 0.8, -0.2, -0.2, 0.1, 0.9) },
    // The third image's caption is the first's.
    twice: { shape: [3, 3], data: Float32Array.of(0.6, 0.3, 0.1, 0.1, 0.8, -0.2, 0.6, 0.3, 0.1) },
  };
  /** By NumPy in fp64, with the right answers written by hand; gradients are its central differences with `twice`. */
  const reference = {
    once: 0.18173872546199651,
    twice: 1.0887384780206568,
    image: [
      0.00094089, 0.00392634, -0.00015384, 0.13577, -0.00445282, 0.03338249, -0.20868683, 0.14671542, -0.21194006,
    ],
    text: [
      0.10170129, -0.18091201, -0.26549853, -0.02905889, -0.02309589, 0.26598074, -0.23006207, 0.07820585, -0.11962889,
    ],
    scale: [0.41410113],
  };

  const named = Object.fromEntries(Object.entries(feeds).map(([name, x]) => [`in.${name}`, x]));

  it('finds the teacher’s own caption and image, all of equal ones being right, as a reference does', async () => {
    const out = await run(named, (p) => {
      const student = { image: p['in.image']!, text: p['in.text']! };
      const loss = interactiveLoss(
        student,
        { image: p['in.images']!, text: p['in.twice']! },
        { scale: p['in.scale']! },
      );
      const wrt = [p['in.image']!, p['in.text']!, p['in.scale']!, p['in.images']!, p['in.twice']!];
      const [image, text, scale, images, twice] = t.grad(loss, wrt).map((g) => g!);
      const once = interactiveLoss(
        student,
        { image: p['in.images']!, text: p['in.texts']! },
        { scale: p['in.scale']! },
      );
      return { once, loss, image: image!, text: text!, scale: scale!, images: images!, twice: twice! };
    });
    expect(out.once![0]).toBeCloseTo(reference.once, 5);
    expect(out.loss![0]).toBeCloseTo(reference.twice, 5);
    for (const name of ['image', 'text', 'scale'] as const) {
      expect(out[name]).toHaveLength(reference[name].length);
      for (const [i, x] of reference[name].entries()) expect(out[name]![i], `${name} ${i}`).toBeCloseTo(x, 5);
    }
    expect([...out.images!, ...out.twice!].every((x) => x === 0)).toBe(true);
  });
});

describe('features', () => {
  it('is the mean over pairs of ‖F_s M − F_t‖² / elements', async () => {
    const feeds = {
      s: draw('s', 2, 3, 4),
      t: draw('t', 2, 3, 5),
      m: draw('m', 4, 5),
      e: draw('e', 2, 6),
      f: draw('f', 2, 6),
    };
    const out = await run(feeds, (p) => ({
      loss: featureLoss([
        { student: p.s!, teacher: p.t!, map: p.m! },
        { student: embeddingFeature(p.e!), teacher: embeddingFeature(p.f!) },
      ]),
      standard: standardize(p.s!),
    }));
    const mapped = product(rowsOf(feeds.s.data, 4), rowsOf(feeds.m.data, 5)).flat();
    const units = (x: HostTensor) => rowsOf(x.data, 6).flatMap((r) => unit(r).map((v) => v * Math.sqrt(6)));
    const expected = (mse(mapped, [...feeds.t.data]) + mse(units(feeds.e), units(feeds.f))) / 2;
    expect(out.loss![0]).toBeCloseTo(expected, 4);
    for (const row of rowsOf(out.standard!, 4)) {
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(0, 4);
      expect(dot(row, row) / 4).toBeCloseTo(1, 3);
    }
  });

  it('carries patches to another grid and leaves the class token alone', async () => {
    const x = draw('x', 1, 5, 2);
    const { y } = await run({ x }, (p) => ({ y: regridTokens(p.x!, [2, 2], [1, 1]) }));
    expect(y!.slice(0, 2)).toEqual([...x.data.subarray(0, 2)]);
    const mean = (c: number) => (x.data[2 + c]! + x.data[4 + c]! + x.data[6 + c]! + x.data[8 + c]!) / 4;
    expect(y![2]).toBeCloseTo(mean(0), 5);
    expect(y![3]).toBeCloseTo(mean(1), 5);
  });

  it('starts M as the identity between equal widths', () => {
    expect([...initFeatureMap(2, 2, new Random(1)).data]).toEqual([1, 0, 0, 1]);
    expect(initFeatureMap(2, 3, new Random(1)).shape).toEqual([2, 3]);
  });
});

describe('attention', () => {
  const maps = (name: string, ...shape: number[]): HostTensor => {
    const x = draw(name, ...shape);
    return { shape, data: Float32Array.from(rowsOf(x.data, shape.at(-1)!).flatMap(softmax)) };
  };

  it('averages heads, leaves prompts out and renormalises, then compares', async () => {
    const feeds = { a: maps('a', 1, 2, 4, 4), t: maps('t', 1, 3, 3) };
    const out = await run(feeds, (p) => {
      const map = headAverage(p.a!, 3);
      return { map, loss: attentionLoss([{ student: map, teacher: p.t! }]) };
    });
    const [h0, h1] = [rowsOf(feeds.a.data.slice(0, 16), 4), rowsOf(feeds.a.data.slice(16), 4)];
    const expected = [0, 1, 2].flatMap((i) => {
      const row = [0, 1, 2].map((j) => (h0[i]![j]! + h1[i]![j]!) / 2);
      const sum = row.reduce((a, b) => a + b);
      return row.map((x) => x / sum);
    });
    for (const [i, x] of expected.entries()) expect(out.map![i]).toBeCloseTo(x, 5);
    expect(out.loss![0]).toBeCloseTo(mse(expected, [...feeds.t.data]), 6);
  });

  it('keeps rows summing to 1 on another grid', async () => {
    const { y } = await run({ a: maps('a', 2, 5, 5) }, (p) => ({ y: regridAttention(p.a!, [2, 2], [3, 3]) }));
    expect(y).toHaveLength(2 * 10 * 10);
    for (const row of rowsOf(y!, 10)) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
  });
});

describe('cross-modal map', () => {
  it('is attention of patches over words on both sides, padding left out', async () => {
    const feeds = {
      v: draw('v', 1, 2, 3),
      x: draw('x', 1, 3, 4),
      q: draw('q', 3, 2),
      k: draw('k', 4, 2),
      p: draw('p', 1, 2, 5),
      w: draw('w', 1, 3, 5),
      mask: { shape: [1, 3], data: Float32Array.of(1, 1, 0) },
    };
    const out = await run(feeds, (p) => {
      const student = studentCrossMap(p.v!, p.x!, p.mask!, p.q!, p.k!);
      const teacher = teacherCrossMap(p.p!, p.w!, p.mask!, 0.5);
      return { student, teacher, loss: crossModalLoss(student, teacher) };
    });
    const q = product(rowsOf(feeds.v.data, 3), rowsOf(feeds.q.data, 2));
    const k = product(rowsOf(feeds.x.data, 4), rowsOf(feeds.k.data, 2));
    const student = q.flatMap((r) => [...softmax([0, 1].map((j) => dot(r, k[j]!) / Math.SQRT2)), 0]);
    const [patches, words] = [rowsOf(feeds.p.data, 5).map(unit), rowsOf(feeds.w.data, 5).map(unit)];
    const teacher = patches.flatMap((r) => [...softmax([0, 1].map((j) => dot(r, words[j]!) / 0.5)), 0]);
    for (const [i, x] of student.entries()) expect(out.student![i]).toBeCloseTo(x, 4);
    for (const [i, x] of teacher.entries()) expect(out.teacher![i]).toBeCloseTo(x, 4);
    expect(out.loss![0]).toBeCloseTo(mse(student, teacher), 5);
  });
});

describe('mapLayers', () => {
  it('spreads evenly, the last layers together', () => {
    expect(mapLayers('even', 3, 6)).toEqual([
      { student: 1, teacher: 2 },
      { student: 2, teacher: 4 },
      { student: 3, teacher: 6 },
    ]);
    expect(mapLayers('last', 3, 12)).toEqual([{ student: 3, teacher: 12 }]);
    expect(() => mapLayers([[4, 1]], 3, 6)).toThrow('student layer from 1 to 3, got 4');
  });
});
