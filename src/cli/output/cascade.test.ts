import { expect, it } from 'vitest';
import { accuracyOf, cascadeFigures, latencyMeaning, type MeasuredStage, tuneCascade } from '../../serve/index.js';
import { figures, tradeoff, tunedText } from './cascade.js';

const sure = [4, 3.5, 3, 2.5, 2, 1.5, 1, 0.5, 0.4, 0.3];
const stage = (name: string, right: number, latencyMs: number, behindMs: number): MeasuredStage => ({
  ...{ name, labels: sure.map(() => 0), latencyMs, behindMs },
  logits: sure.map((z, i) => (i < right ? [z, 0] : [0, z])),
});

it('gives one latency in table, plot and file', () => {
  const stages = [stage('small', 5, 1, 1), stage('large', 8, 10, 8)];
  const tuned = tuneCascade(stages, [1, 1], ['probability'], { latencyMs: 6 });
  const chosen = cascadeFigures(stages, tuned);
  const own = figures(stages, chosen, accuracyOf);
  expect(chosen.latencyMs).toBe(1 + chosen.seen[1]! * 8);
  const json = {
    ...{
      file: 'c.json',
      chart: 'c.svg',
      confidence: 'probability',
      data: 'd',
      split: 'val',
      held_out: 'test',
      batch: 1,
    },
    stages: [
      { model: 'small', temperature: 1, threshold: tuned.thresholds[0] },
      { model: 'models/large/', temperature: 1 },
    ],
    ...{ latency: latencyMeaning, latency_ms: [1, 10], latency_added_ms: [1, 8], target: { latencyMs: 4 } },
    ...{ tuned_on: own, held_out_figures: own },
    calibration: stages.map(({ name }) => ({ name, before: 0.2, after: 0.1 })),
  };
  const text = tunedText(json);
  const shown = `${chosen.latencyMs.toFixed(2)} ms`;
  expect(text).toMatch(new RegExp(`^cascade .* ${shown}$`, 'm'));
  expect(text).toContain(`limit: at most 4.00 ms: ${shown} on val, ${shown} on test, above it`);
  expect(text).toContain('warning: tuned on 10 images of val alone, where top-1 is known to lie in');
  const many = { ...own, images: 1000, accuracy_interval: [0.78, 0.82] as const };
  expect(tunedText({ ...json, tuned_on: many })).not.toContain('warning');
  const curves = { heldOut: [chosen], tunedOn: [chosen] };
  const drawn = tradeoff(json, stages, tuned, chosen, curves, accuracyOf);
  expect(drawn).toMatchObject({
    latency: `latency: ${latencyMeaning}`,
    chosen: { latencyMs: own.latency_ms, top1: { value: own.accuracy } },
    limit: { latencyMs: 4 },
    models: [
      { name: 'small alone', latencyMs: 1 },
      { name: 'large alone', latencyMs: 10 },
    ],
  });
  expect([drawn.chosen.top1.low, drawn.chosen.top1.high]).toEqual(own.accuracy_interval);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(90);
});
