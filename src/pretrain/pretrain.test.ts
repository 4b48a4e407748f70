import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../clip/checkpoint/checkpoint.js';
import type { Example, ImageTextDataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { readTrainingRecord } from '../model/index.js';
import { History } from '../train/run/history.js';
import { type PretrainOptions, pretrain } from './pretrain.js';
import { pretrainRecipe } from './pretrain-recipe.js';

let runDir = '';
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-pretrain-'));
});
afterEach(() => rmSync(runDir, { recursive: true }));

const colours = { red: [230, 30, 30], green: [30, 200, 60], blue: [30, 60, 220], grey: [120, 120, 120] };
const names = Object.keys(colours) as (keyof typeof colours)[];

/** Images of one colour each, told apart by it. */
const dataset: ImageTextDataset = {
  name: 'colours',
  kind: 'drawings',
  classes: names.map((name) => ({ name, novel: false })),
  splits: { train: examples('train', 4), val: examples('val', 2) },
  load: async ({ label }) => {
    const data = new Uint8Array(16 * 16 * 3).map((_, i) => colours[names[label!]!][i % 3]!);
    return { width: 16, height: 16, channels: 3, data };
  },
  fingerprint: 'colours-1',
  skipped: [],
};

function examples(split: string, each: number): Example[] {
  return names.flatMap((name, label) =>
    Array.from({ length: each }, (_, i) => ({
      id: `${split}-${name}-${i}`,
      label,
      captions: [`a drawing of ${name}`, `something ${name}`],
    })),
  );
}

const recipe = pretrainRecipe.parse({
  data: { dataset: 'colours' },
  model: {
    projection_dim: 16,
    vision: { image_size: 16, patch_size: 8, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 },
    text: {
      hidden_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      max_position_embeddings: 8,
      vocab_size: 560,
    },
  },
  steps: 30,
  batch: 8,
  accumulate: 2,
  optimizer: { lr: 1e-2, warmup_steps: 3 },
  augment: { jitter: 0, grayscale: 0, erasing: 0 },
  ema: 0.8,
  evaluation: { every: 15 },
});

const options = (more: Partial<PretrainOptions> = {}): PretrainOptions => ({
  recipe,
  dataset,
  runDir,
  engine: { threads: 1 },
  ...more,
});

describe('pretrain', () => {
  it('learns colours, writes log and model, and resumes to the same bits', async () => {
    const losses: number[] = [];
    const whole = await pretrain(options({ onProgress: ({ losses: l }) => void (l && losses.push(l.total!)) }));
    expect(whole).toMatchObject({ finished: true, steps: 30, imagesSeen: 30 * 16 });
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.3);
    expect(whole.evaluation!.top1).toBeGreaterThanOrEqual(0.75);
    const measured = new History(join(runDir, 'history.jsonl')).entries.filter(({ evaluation }) => evaluation);
    expect(measured.map(({ step }) => step)).toEqual([15, 30]);
    expect(measured[1]!.evaluation).toEqual({ ...whole.evaluation, split: 'val', images: 8 });
    const weights = (await loadCheckpoint(whole.folder)).params;
    expect(readTrainingRecord(whole.folder)!.templates).toEqual(['a drawing of {}']);
    expect(readFileSync(join(runDir, 'recipe.yaml'), 'utf8')).toContain('templates:\n  - a drawing of {}\n');

    const parts = join(runDir, 'parts');
    const controller = new AbortController();
    const stop = ({ step }: { step: number }) => (step === 12 ? controller.abort() : undefined);
    const stopped = await pretrain(options({ runDir: parts, signal: controller.signal, onProgress: stop }));
    expect(stopped).toMatchObject({ finished: false, steps: 12 });
    const resumed = await pretrain(options({ runDir: parts }));
    expect(resumed.finished).toBe(true);
    expect((await loadCheckpoint(resumed.folder)).params).toEqual(weights);
    expect({ ...resumed.best, folder: '' }).toEqual({ ...whole.best, folder: '' });
  });

  it('is captioned and asked by its templates where the data says no more than classes', async () => {
    const made = (part: readonly Example[]) => part.map((one): Example => ({ ...one, captionsMade: true }));
    const { train, val } = dataset.splits;
    const bare = { ...dataset, splits: { train: made(train!), val: made(val!) } };
    const own = { ...recipe, templates: ['a {} sky'], steps: 1, batch: 4 };
    const { folder } = await pretrain(options({ dataset: bare, recipe: own }));
    const { tokenizer } = await loadCheckpoint(folder);
    // Its tokenizer learned the words of the captions.
    expect([tokenizer.tokens('sky').length, tokenizer.tokens('drawing').length > 1]).toEqual([1, true]);
    const further = { ...recipe, from: folder, steps: 1 };
    const again = await pretrain(options({ dataset: bare, recipe: further, runDir: join(runDir, 'further') }));
    expect(readTrainingRecord(again.folder)).toMatchObject({ templates: ['a {} sky'], images_seen: 24 });
  });

  it('continues a checkpoint, for a number of minutes', async () => {
    const first = await pretrain(options({ recipe: { ...recipe, steps: 2 } }));
    const further = join(runDir, 'further');
    const short = { ...recipe, from: first.folder, minutes: 0.002 };
    const second = await pretrain(options({ recipe: short, runDir: further }));
    expect(second.steps).toBeGreaterThan(0);
    expect(second.steps).toBe(JSON.parse(readFileSync(join(further, 'length.json'), 'utf8')).steps);
    expect(existsSync(join(second.folder, 'model.safetensors'))).toBe(true);
  });

  it('goes on with larger images', async () => {
    const first = await pretrain(options());
    const larger = { ...recipe, from: first.folder, image_size: 24, steps: 2 };
    const second = await pretrain(options({ recipe: larger, runDir: join(runDir, 'larger') }));
    expect(readTrainingRecord(second.folder)).toMatchObject({ images_seen: (30 + 2) * 16 });
    const { config, preprocess } = await loadCheckpoint(second.folder);
    expect([config.vision_config.image_size, preprocess.size, preprocess.resize]).toEqual([24, 24, 24]);
    // Colours are told apart at any size: what was learned is still there.
    expect(second.evaluation!.top1).toBeGreaterThanOrEqual(0.75);
    await expect(
      pretrain(options({ recipe: { ...larger, image_size: 20 }, runDir: join(runDir, 'odd') })),
    ).rejects.toThrow('image_size: expected a multiple of the patch size 8, got 20');
  });

  it('measures itself on another split where val is not there, says so, and keeps the best checkpoint', async () => {
    const said: string[] = [];
    const onMessage = (message: string) => void said.push(message);
    const { train, val } = dataset.splits;
    const short = { ...recipe, steps: 3, evaluation: { ...recipe.evaluation, every: 1 } };
    const tested = await pretrain(
      options({ recipe: short, dataset: { ...dataset, splits: { train: train!, test: val! } }, onMessage }),
    );
    expect(tested.evaluation).toMatchObject({ split: 'test', images: 8 });
    const { entries } = new History(join(runDir, 'history.jsonl'));
    expect(tested.best!.top1).toBe(Math.max(...entries.map(({ evaluation }) => evaluation!.top1!)));
    expect((await loadCheckpoint(tested.best!.folder)).config).toEqual((await loadCheckpoint(tested.folder)).config);
    const alone = { ...dataset, splits: { train: train! } };
    const blind = await pretrain(options({ recipe: short, dataset: alone, onMessage, runDir: join(runDir, 'blind') }));
    expect([blind.evaluation, blind.best]).toEqual([undefined, undefined]);
    expect(said).toEqual([
      'colours has no split val: the run measures itself on test, which is then not unseen where its best step is taken',
      'colours has no split val: the run does not measure itself; give data with one, or name another with --set evaluation.split=…',
    ]);
  });

  it('passes over an image that cannot be read, names it, and resumes to the same bits', async () => {
    const torn = { ...dataset, load: async (example: Example) => load(example) };
    const load = async (example: Example) => {
      if (example.id === 'train-red-1') throw new UserError('train-red-1: torn');
      return dataset.load(example);
    };
    const short = { ...recipe, steps: 6 };
    const said: string[] = [];
    const onMessage = (message: string) => void said.push(message);
    const whole = await pretrain(options({ recipe: short, dataset: torn, onMessage }));
    expect(said).toEqual([
      '1 image could not be read and others stood in for them, the first: train-red-1: torn; run.json lists all',
    ]);
    const parts = join(runDir, 'parts');
    const controller = new AbortController();
    const onProgress = ({ overall }: { overall?: number }) => void (overall === 3 && controller.abort());
    await pretrain(options({ recipe: short, dataset: torn, runDir: parts, signal: controller.signal, onProgress }));
    const resumed = await pretrain(options({ recipe: short, dataset: torn, runDir: parts }));
    const weights = async (folder: string) => (await loadCheckpoint(folder)).params;
    expect(await weights(resumed.folder)).toEqual(await weights(whole.folder));
  });

  it('names a split that is not there, and a batch that is too large', async () => {
    await expect(
      pretrain(options({ recipe: { ...recipe, data: { dataset: 'colours', split: 'tran' } } })),
    ).rejects.toThrow('it has train, val');
    await expect(pretrain(options({ recipe: { ...recipe, batch: 64 } }))).rejects.toThrow('more than the 16 captioned');
  });
});
