import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { recipe, teacher } from '../test/colours.fixture.js';
import { promptkd, promptkdIn } from '../test/command.fixture.js';
import { put } from '../test/images.fixture.js';
import type { RunPlan } from '../train/index.js';
import { checkRoom } from '../train/index.js';
import { largePlan } from './output/plan.js';

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-plan-test-'));
  for (const name of ['red', 'green', 'blue']) for (let i = 0; i < 5; i++) await put(at('images'), `${name}/${i}.png`);
  await saveCheckpoint(at('teacher'), teacher);
  await writeFile(at('recipe.yaml'), stringify(recipe()));
});
afterAll(() => rm(folder, { recursive: true }));

function distill(...args: string[]) {
  const given = ['distill', '--teacher', at('teacher'), '--data', `folder:${at('images')}`, ...args];
  return promptkd(...given);
}

it('prints a plan alone, of the recipe that would be run, and touches nothing', async () => {
  const { code, out, err } = await distill('--recipe', at('recipe.yaml'), '--out', at('planned'), '--plan', '--json');
  expect([code, err.includes('Error')]).toEqual([0, false]);
  const plan = JSON.parse(out);
  expect(plan).toMatchObject({ images: 9, images_seen: 72, device: 'cpu', chosen: [] });
  expect(plan.phases.map(({ name, steps }: { name: string; steps: number }) => `${name} ${steps}`)).toEqual([
    ...['warmup 4', 'prompt 3', 'joint 5'],
  ]);
  expect(plan.train_seconds).toBeGreaterThan(0);
  // Of a view: an embedding of 12, two layers of 17 · 24 features and 17² attention, 16² pixels.
  expect(plan.files[0]).toMatchObject({ bytes_a_view: 9 * 3604, bytes: 2 * 9 * 3604 });
  expect(plan.notes.join()).toMatch(
    /one view .*layers in fp8 .* \(--set targets\.precision=fp8\), patches pooled to 2 × 2 .*, embeddings alone /,
  );
  expect(existsSync(at('planned'))).toBe(false);
});

it('derives a recipe where none is given, says why in it, and tells the plan before the run', async () => {
  const steps = ['warmup', 'prompt', 'joint'].flatMap((phase) => ['--set', `phases.${phase}.steps=1`]);
  const { code, err } = await distill('--out', at('run'), '--size', 'base', ...steps, '--yes');
  expect(code).toBe(0);
  expect(err).toMatch(/trains +student .*parameters[\s\S]*disk .* for the teacher targets/);
  const text = await readFile(at('run/recipe.yaml'), 'utf8');
  expect(text).toMatch(/^# Student: .* size base/);
  expect(parse(text)).toMatchObject({
    student: { vision: { hidden_size: 8, num_hidden_layers: 2 } },
    phases: { warmup: { steps: 1, lr: 8e-3, losses: ['feature'] }, joint: { steps: 1, lr: 3e-3 } },
  });
  // The same folder again: nothing is derived anew, whatever the machine does today.
  const again = await distill('--out', at('run'), '--preset', 'best', '--yes');
  expect([again.code, again.err]).toEqual([0, expect.stringContaining(`goes on with ${at('run/recipe.yaml')}`)]);
  expect(await readFile(at('run/recipe.yaml'), 'utf8')).toBe(text);
});

it('plans the CVPR 2024 recipe over its seeds, and quantisation, without a folder, and leaves nothing behind', async () => {
  const small = [
    'tuning.epochs=2',
    'tuning.batch=3',
    'distillation.epochs=4',
    'distillation.batch=2',
    'prompts.n_ctx=2',
  ];
  const [data, teacher] = [['--data', `folder:${at('images')}?novel=half`], at('teacher')];
  const planned = [...data, '--plan', '--json'];
  await mkdir(at('empty'));
  const sets = [...small, 'prompts.context=""', 'distillation.classes=base', 'tuning.average.mean=1'];
  const fields = sets.flatMap((set) => ['--set', set]);
  const models = ['--teacher', teacher, '--student', teacher, '--threads', '1', '--seeds', '2'];
  const { out, err } = await promptkdIn(at('empty'), 'cvpr2024', ...models, ...planned, ...fields);
  expect(err).not.toContain('promptkd:');
  const plan = JSON.parse(out);
  // Two seeds of six labelled images of base classes: two epochs of two steps, and four of three.
  expect(plan.phases).toMatchObject([
    { name: 'tuning', steps: 8 },
    { name: 'distillation', steps: 24 },
  ]);
  expect(plan).toMatchObject({ images: 6, images_seen: 8 * 3 + 24 * 2 });
  expect(plan.train_seconds).toBeGreaterThan(0);
  const few = JSON.parse((await promptkdIn(at('empty'), 'quantize', teacher, ...planned, '--tune', '5')).out);
  expect(few).toMatchObject({ phases: [{ name: 'tuning', steps: 10 }] });
  const [checkpoint, q8] = few.files as { what: string; bytes: number }[];
  expect([checkpoint!.what, q8!.what]).toEqual(['the checkpoint', 'q8 as ONNX']);
  expect(checkpoint!.bytes).toBeLessThan(q8!.bytes);
  expect(await readdir(at('empty'))).toEqual([]);
  // A run needs a folder.
  const run = await promptkd('quantize', teacher, ...data);
  expect([run.code, run.err]).toEqual([2, expect.stringContaining("required option '--out <folder>'")]);
});

it('chooses a student by its latency, and says what the least is', async () => {
  const plan = async (ms: string) =>
    distill('--out', at('planned'), '--max-latency', ms, '--threads', '1', '--plan', '--json');
  expect((await plan('1000')).out).toContain('the largest below the limit');
  const { code, err } = await plan('0.000001');
  expect([code, err]).toEqual([2, expect.stringMatching(/--max-latency: expected at least .* ms, what the smallest/)]);
});

it.each([
  [['--recipe', 'recipe.yaml', '--preset', 'quick'], '--preset: --recipe recipe.yaml says what the run is'],
  [['--student', 'mine', '--size', 'tiny'], '--size: --student mine is what it is'],
])('refuses a wish that %s contradicts', async (args, message) => {
  expect(await distill('--out', at('refused'), ...args)).toMatchObject({
    code: 2,
    err: expect.stringContaining(message),
  });
});

it('refuses files that the disk cannot hold, with how they could be smaller', async () => {
  const files = [{ what: 'the teacher targets', folder: at('targets'), bytes: 1e18, remedy: 'give fewer views' }];
  await expect(checkRoom({ files })).rejects.toThrow(
    /targets: the teacher targets would take 1\.00e\+9 GB, and .* GB are free there: give fewer views, or/,
  );
});

it('asks about what takes long or much, and about nothing else', () => {
  const plan: RunPlan = {
    ...{ parameters: {}, phases: [], images: 1, imagesSeen: 1, files: [], device: 'cpu', notes: [] },
    preparations: [{ what: 'targets', seconds: 1800 }],
    seconds: 1700,
  };
  expect(largePlan(plan, 8e9)).toBeUndefined();
  expect(largePlan({ ...plan, seconds: 1900, memory: 7e9 }, 8e9)).toBe('about 1 h 1 min, 7.00 GB of memory');
});
