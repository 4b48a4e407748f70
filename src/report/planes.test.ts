import { describe, expect, it } from 'vitest';
import { type Interval, paretoFile, tradeoffFile } from './index.js';
import { type Box, placeLabels } from './place-labels.js';

const interval = (value: number): Interval => ({ value, low: value - 0.03, high: value + 0.03 });
const apart = (a: Box, b: Box) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;

describe('labels', () => {
  it('collide neither with each other nor with points, however close the points are', () => {
    const names = ['student', 'small', 'small q4', 'small q8', 'small bnb4', 'tiny', 'tiny q4', 'exported fp16'];
    const anchors = names.map((text, i) => ({ x: 300 + 2 * i, y: 200 + 3 * (i % 3), text }));
    const labels = placeLabels(anchors, { left: 0, top: 0, right: 640, bottom: 420 }, [], 12);
    for (const [i, { box }] of labels.entries()) {
      for (const other of labels.slice(i + 1)) expect(apart(box, other.box)).toBe(true);
      for (const { x, y } of anchors) expect(apart(box, { left: x, right: x, top: y, bottom: y })).toBe(true);
    }
    expect(labels[0]!.far).toBe(false);
    expect(labels.at(-1)!.far).toBe(true);
  });
});

describe('plots of top-1', () => {
  it('draw variants of nearly the same size with all their names', () => {
    const points = ['a', 'b', 'c'].map((name, i) => ({ name, bytes: 1000 + i, top1: interval(0.5), best: i === 0 }));
    const svg = paretoFile('Sizes', points);
    for (const { name } of points) expect(svg).toContain(`text-anchor="middle">${name}</text>`);
    const baselines = [...svg.matchAll(/class="name" x="([\d.]+)" y="([\d.]+)"/g)].map(([, x, y]) => `${x} ${y}`);
    expect(new Set(baselines).size).toBe(3);
  });

  it('mark sizes by round numbers, and end a line to a name before the name', () => {
    const points = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i) => ({
      ...{ name: `student ${name}`, bytes: 400_000 + 1000 * i },
      ...{ top1: interval(0.5), best: i === 0 },
    }));
    const svg = paretoFile('Sizes', [...points, { name: 'large', bytes: 4e6, top1: interval(0.6), best: true }]);
    for (const size of ['500 kB', '1.00 MB', '2.00 MB']) expect(svg).toContain(`>${size}</text>`);
    const names = [...svg.matchAll(/class="name" x="([\d.]+)" y="([\d.]+)"/g)].map(([, x, y]) => [
      Number(x),
      Number(y) - 4,
    ]);
    const ends = [...svg.matchAll(/class="leader"[^>]* x2="([\d.]+)" y2="([\d.]+)"/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    expect(ends.length).toBeGreaterThan(0);
    for (const [x, y] of ends) {
      for (const [nameX, nameY] of names) expect(Math.hypot(x! - nameX!, y! - nameY!)).toBeGreaterThan(5);
    }
  });

  it('draw a cascade’s accuracy over latency, its models, the chosen point and the limit', () => {
    const at = (latencyMs: number, top1: number) => ({ latencyMs, top1: interval(top1) });
    const curve = [at(1, 0.5), at(2, 0.6), at(4, 0.62)];
    const draw = (limit: { latencyMs: number; name: string } | { accuracy: number; name: string }) =>
      tradeoffFile({
        title: 'Cascade',
        latency: 'latency: mean time per image',
        curve,
        tunedOn: { name: 'tuned on val', curve },
        models: [
          { ...at(1, 0.5), name: 'small alone' },
          { ...at(3.5, 0.62), name: 'large alone' },
        ],
        chosen: { ...at(2, 0.6), name: 'chosen: threshold 0.400' },
        limit,
      });
    // All in the frame, though the curve ends at its left.
    const early = tradeoffFile({
      ...{ title: 'Cascade', latency: 'latency', curve, chosen: { ...at(1, 0.5), name: 'chosen' } },
      ...{ tunedOn: { name: 'tuned on val', curve: [at(0.1, 0.5)] }, models: [{ ...at(30, 0.6), name: 'large' }] },
      limit: { accuracy: 0.6, name: 'target' },
    });
    expect(Number(/x="([\d.]+)" y="[\d.]+" text-anchor="end">tuned on val/.exec(early)![1])).toBeGreaterThan(130);
    const byTime = draw({ latencyMs: 2.2, name: 'limit 2.20 ms' });
    for (const text of ['small alone', 'large alone', 'chosen: threshold 0.400', 'limit 2.20 ms', 'tuned on val'])
      expect(byTime).toContain(`>${text}</text>`);
    expect(byTime).toContain('chosen: threshold 0.400: 60.0 % (57.0–63.0), 2.00 ms');
    const [, x1, x2] = /class="limit" x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"/.exec(byTime)!;
    expect(x1).toBe(x2);
    const [, y1, y2] = /class="limit" x1="[\d.]+" y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)"/.exec(
      draw({ accuracy: 0.61, name: 'target' }),
    )!;
    expect(y1).toBe(y2);
  });
});
