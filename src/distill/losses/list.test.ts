import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileOptions, config, dataset, recipe, teacher } from '../../test/colours.fixture.js';
import { openSteps, type Step } from '../../test/training.fixture.js';
import { dualStreamTask } from '../dual-stream-task.js';
import { type Prepared, prepare } from '../prepare.js';
import { checkLosses } from './check-losses.js';
import { type LossName, losses, lossNames, storedStates } from './index.js';
import { lossSwitches } from './switches.js';

/** A recipe with these losses on and all others off, and gradients that are clipped to nothing where they are clipped. */
const only = (names: readonly LossName[], more: object = {}) =>
  recipe({
    losses: Object.fromEntries(lossNames.map((name) => [name, { enabled: names.includes(name), weight: 3 }])),
    coordination: { clip: 1e-12, gamma: 0.7 },
    ...more,
  });
const gamma = (name: LossName) => (losses.find((loss) => loss.name === name)!.coordination === 'gamma' ? 0.7 : 1);

describe('every loss of the list', () => {
  let root = '';
  let ready: Prepared;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'promptkd-losses-'));
    ready = await prepare({ teacher, dataset, recipe: only(lossNames), runDir: root, engine: compileOptions });
  });
  afterAll(async () => {
    ready.batches.store.close();
    await rm(root, { recursive: true });
  });

  /** A step of the joint phase with these losses alone. */
  async function step(names: readonly LossName[]): Promise<Step> {
    const { full, batches, phases } = ready;
    const task = dualStreamTask({ ...full, recipe: only(names) }, batches, phases.at(-1)!, compileOptions);
    const steps = await openSteps(task, { compile: compileOptions });
    try {
      return await steps.step(0);
    } finally {
      await steps.dispose();
    }
  }
  const norm = ({ gradients }: Step, prefix: string) =>
    Math.hypot(...Object.entries(gradients).flatMap(([name, g]) => (name.startsWith(prefix) ? [...g] : [])));

  it.each(lossNames)('%s trains the student alone, by its weight, and is clipped where it says so', async (name) => {
    const alone = await step([name]);
    expect(Object.keys(alone.losses).sort()).toEqual([name, 'total'].sort());
    expect(alone.losses[name]).toBeGreaterThan(0);
    expect(alone.losses.total! / alone.losses[name]!).toBeCloseTo(3 * gamma(name), 4);
    const clipped = losses.find((loss) => loss.name === name)!.coordination === 'clip';
    expect(norm(alone, 'student/vision_model'))[clipped ? 'toBeLessThan' : 'toBeGreaterThan'](clipped ? 2e-12 : 1e-7);
    expect(norm(alone, 'student/')).toBeGreaterThan(0);
  });

  it('is in the total beside the others', async () => {
    const { losses: found } = await step(lossNames);
    expect(Object.keys(found).sort()).toEqual([...lossNames, 'total'].sort());
    const sum = lossNames.reduce((total, name) => total + 3 * gamma(name) * found[name]!, 0);
    expect(found.total! / sum).toBeCloseTo(1, 5);
  });
});

describe('matrices', () => {
  it('are learned between joint spaces of different widths, as the interactive loss has them, and not between equal ones', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'promptkd-widths-'));
    const { student } = recipe();
    const made = async (name: string, width?: number) => {
      const given = only(['interactive'], { student: { ...student, init: 'random', projection_dim: width } });
      const runDir = join(dir, name);
      const { full, batches, phases } = await prepare({
        teacher,
        dataset,
        recipe: given,
        runDir,
        engine: compileOptions,
      });
      const task = dualStreamTask(full, batches, phases.at(-1)!, compileOptions);
      const steps = await openSteps(task, { compile: compileOptions });
      const { gradients } = await steps.step(0);
      await steps.dispose();
      batches.store.close();
      const heads = Object.entries(full.heads).map(([head, { shape }]) => [head, shape] as const);
      const moved = heads.map(([head]) => gradients[`heads/${head}`]!.some((x) => x !== 0));
      return { heads: Object.fromEntries(heads), moved };
    };
    const { projection_dim: to } = config;
    expect(await made('narrow', 8)).toEqual({
      heads: { 'interactive.image': [8, to], 'interactive.text': [8, to] },
      moved: [true, true],
    });
    expect(await made('equal')).toEqual({ heads: {}, moved: [] });
    await rm(dir, { recursive: true });
  });
});

describe('what losses need', () => {
  it('is stored of the teacher, each layer once', () => {
    const pairs = [
      { student: 1, teacher: 2 },
      { student: 2, teacher: 1 },
    ];
    const stored = (...names: LossName[]) => storedStates(new Set(names), pairs, config);
    expect(stored('response', 'affinity')).toEqual({ hidden: [], attention: [], words: false });
    expect(stored('feature', 'cross_modal')).toEqual({ hidden: [1, 2], attention: [], words: true });
    expect(stored('attention')).toEqual({ hidden: [], attention: [1, 2], words: false });
    expect(stored('cross_modal')).toEqual({ hidden: [2], attention: [], words: true });
  });

  it.each([
    ['cross_modal', { texts: { captions: false } }, 'losses.cross_modal: it compares images with their captions: set'],
    [
      'affinity',
      { texts: { captions: false } },
      'losses.affinity: it compares the images of a batch with their captions',
    ],
    ['attention', {}, 'losses.attention: it compares the attention of mapped layers, and losses.layers is none'],
  ] as const)('of %s is asked of the recipe', (name, more, message) => {
    const given = only([name], more);
    const lacking = { ...given, losses: { ...given.losses, layers: 'none' as const } };
    expect(() => checkLosses(lacking, new Set([name]), { inner: true })).toThrow(message);
    expect(() => checkLosses(only([name]), new Set([name]), { inner: true })).not.toThrow();
    expect(() => checkLosses(lacking, new Set(['response']), { inner: true })).not.toThrow();
  });

  it('of inner states is refused of a model without, but not embeddings', () => {
    const given = { student: { init: 'random' } };
    const check = (...names: LossName[]) => checkLosses(only(names, given), new Set(names), { inner: false });
    expect(() => check('response', 'affinity')).not.toThrow();
    expect(() => check('feature', 'affinity')).toThrow(/: set losses\.layers=none$/);
    expect(() => check('cross_modal')).toThrow(/: set losses\.cross_modal\.enabled=false$/);
  });
});

describe('switches', () => {
  it('turn each loss against its default, a part with its whole', () => {
    expect(lossSwitches().map(({ name, losses, enabled }) => [name, losses, enabled])).toEqual([
      ['no-feature', ['feature'], false],
      ['no-response', ['response'], false],
      ['no-attention', ['attention', 'cross_modal'], false],
      ['no-cross-modal', ['cross_modal'], false],
      ['affinity', ['affinity'], true],
      ['interactive', ['interactive'], true],
    ]);
  });
});
