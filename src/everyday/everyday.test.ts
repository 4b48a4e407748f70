import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import type { Example } from '../data/index.js';
import { UserError } from '../errors.js';
import { loadModel } from '../model/index.js';
import { LocalEncoder } from '../serve/index.js';
import { dataset, recipe, teacher } from '../test/colours.fixture.js';
import { put } from '../test/images.fixture.js';
import { cascade, classify, distill, embed } from './index.js';

const classes = ['cat', 'dog', 'tulip', 'aeroplane'];
const student = 'promptkd:emoji-student';
/** Without threads, which cost more than they save here. */
const alone = { loader: { workers: 0, memory: 2 ** 24 }, engine: { threads: 1 } };
/** What no type lets through. */
const untyped = (value: unknown) => value as never;
let folder = '';
let image = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-everyday-'));
  image = await put(folder, 'red.png');
});
afterAll(() => rm(folder, { recursive: true }));

it('classifies in a line: a shipped model by name, a model that was loaded, paths, URLs, bytes and blobs alike', async () => {
  const model = await loadModel(student);
  const bytes = await readFile(image);
  const byName = await classify(student, image, classes);
  expect(byName.map((one) => one.class).sort()).toEqual([...classes].sort());
  expect(byName.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  expect(byName.map(({ probability }) => probability)).toEqual(
    byName.map(({ probability }) => probability).sort((a, b) => b - a),
  );
  const sources = [image, pathToFileURL(image), pathToFileURL(image).href, bytes, new Blob([bytes])];
  for (const answer of await classify(model, sources, classes)) {
    // Of several images at a time, a product may be summed in another order.
    expect(answer).toEqual(byName.map((one) => ({ ...one, probability: expect.closeTo(one.probability, 5) })));
  }
  const templates = ['a logo of a {}'];
  expect(await classify(model, image, classes, { templates, top: 2 })).toHaveLength(2);
  expect(await classify(model, image, classes, { templates })).not.toEqual(byName);
});

it('embeds in a line, and an encoder that was opened is asked as it is', async () => {
  const encoder = await LocalEncoder.open(student);
  const { images, texts } = await embed(encoder, { images: [image, image], texts: ['a drawing of a cat'] });
  expect([images.length, texts.length]).toEqual([2, 1]);
  expect(images[0]).toEqual(images[1]);
  for (const vector of [...images, ...texts]) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  expect(await embed(student, { texts: ['a drawing of a cat'] })).toEqual({ images: [], texts });
  await encoder.close();
});

it('asks the teacher of a cascade only where the student is unsure', async () => {
  const model = await loadModel(student);
  const ask = async (threshold: number) => {
    const both = await cascade({ student: model, teacher: model, threshold }, { classes });
    const [answer] = await both.classify([image]);
    await both.close();
    return answer!;
  };
  expect((await ask(0)).stage).toBe(0);
  const asked = await ask(1);
  expect(asked.stage).toBe(1);
  expect(asked.top).toEqual(await classify(model, image, classes));
});

it('distils by names, and chooses what the recipe leaves out', async () => {
  await saveCheckpoint(join(folder, 'teacher'), teacher);
  for (const name of ['red', 'green']) for (let i = 0; i < 5; i++) await put(folder, `photos/${name}/${i}.png`);
  const runDir = join(folder, 'run');
  const { student: made, phases } = await distill({
    ...{ teacher: join(folder, 'teacher'), dataset: `folder:${join(folder, 'photos')}`, runDir, size: 'tiny' },
    ...alone,
    recipe: {
      batch: 4,
      student: { init: 'random', text: { num_hidden_layers: 1 }, vision: { num_attention_heads: 2 } },
      phases: { warmup: { steps: 0 }, prompt: { steps: 0 }, joint: { steps: 1 } },
      losses: { layers: 'last' },
      evaluation: { every: 0 },
    },
  });
  expect(phases.map((phase) => phase.steps)).toEqual([1]);
  // What is given stands, the rest fits the teacher: a quarter of its width.
  expect(made.config.text_config).toMatchObject({ num_hidden_layers: 1, hidden_size: 8 });
  expect(made.config.vision_config).toMatchObject({ num_attention_heads: 2, hidden_size: 8 });
  const [reason] = (await readFile(join(runDir, 'recipe.yaml'), 'utf8')).split('\n');
  expect(reason).toContain('size tiny');
});

it('says what it learns from where images have no labels, and that it does not measure itself', async () => {
  const bare = (list: readonly Example[] = []) => list.map(({ label: _, ...one }) => ({ ...one, captions: [] }));
  const blind = {
    ...dataset,
    load: async ({ id }: { id: string }) => dataset.load(dataset.splits.train!.find((one) => one.id === id)!),
    splits: { train: bare(dataset.splits.train), val: bare(dataset.splits.train) },
  };
  const { student } = recipe();
  const said: string[] = [];
  const given = recipe({ method: 'kd', student, kd: { steps: 1 }, views: 1, evaluation: { every: 1 } });
  const onMessage = (message: string) => void said.push(message);
  const options = { teacher, dataset: blind, recipe: given, runDir: join(folder, 'blind'), onMessage };
  await distill({ ...options, ...alone });
  const { name, classes: all } = dataset;
  expect(said).toEqual([
    `${name} has no labels: the student learns the teacher's answers among its ${all.length} classes`,
    `${name}/val has neither labels nor captions: the run does not measure itself`,
  ]);
});

it('leaves a whole recipe as it is', async () => {
  const { student } = recipe();
  const given = recipe({ method: 'kd', student, kd: { steps: 1 }, seed: 5, views: 1 });
  const runDir = join(folder, 'whole');
  await distill({ teacher, dataset, recipe: given, runDir, ...alone });
  const { default: yaml } = await import('yaml');
  const ran = yaml.parse(await readFile(join(runDir, 'recipe.yaml'), 'utf8'));
  const { texts: ownTexts, ...own } = given;
  const { texts, made_with: _, ...rest } = ran;
  expect(rest).toEqual(own);
  expect(texts).toMatchObject(ownTexts);
});

it.each([
  [() => classify('promptkd:emoji-studnet', image, classes), 'did you mean promptkd:emoji-student?'],
  [() => classify(student, join(folder, 'none.png'), classes), 'none.png: no such file or folder'],
  [() => classify(student, 'https://host/cat.png', classes), 'addresses are not fetched'],
  [() => classify(student, [image, new Uint8Array(9)], classes), 'images[1]: '],
  [() => classify(student, image), 'expected names to choose from'],
  [() => embed(student, {}), 'expected images or texts, got neither'],
  [() => cascade({ student, teacher: student, threshold: 0.5 }, { classes: [] }), 'at least one class name'],
  [
    // As JavaScript may call it, where no types warn.
    () => distill({ teacher, dataset, runDir: folder, recipe: JSON.parse('{"phases":{"joint":{"step":5}}}') }),
    'unknown field phases.joint.step; did you mean phases.joint.steps?',
  ],
  // As JavaScript may call them, where no types warn.
  [() => classify(student, image, untyped('cat,dog')), 'classify: classes: expected array, got cat,dog'],
  [() => classify(student, image, untyped([1])), 'classify: classes.0: expected string, got 1'],
  [() => classify(student, untyped(5), classes), 'classify: images.0: expected a path, a file: URL, bytes or a Blob'],
  [() => classify(untyped(undefined), image, classes), 'classify: model: expected a name or a model that was loaded'],
  [() => classify(student, image, classes, untyped({ topp: 1 })), 'unknown field topp; did you mean top?'],
  [() => embed(student, untyped({ image: [image] })), 'embed: unknown field image; did you mean images?'],
  [() => embed(student, { texts: ['a'] }, { threads: -1 }), 'embed: threads: expected at least 1, got -1'],
  [
    () => cascade(untyped({ student, teacher: student, treshold: 0.5 }), { classes }),
    'cascade: unknown field treshold; did you mean threshold?',
  ],
  [
    () => cascade({ student, teacher: student, threshold: 0.5 }, untyped({ classes, template: [] })),
    'cascade: unknown field template; did you mean templates?',
  ],
  [
    () => distill(untyped({ teacher, dataset, runDir: folder, preset: 'fast' })),
    'distill: preset: expected one of quick, balanced, best, got fast',
  ],
  [
    () => distill(untyped({ teacher, dataset, runDir: folder, sise: 'tiny' })),
    'unknown field sise; did you mean size?',
  ],
  [() => distill(untyped({ teacher, dataset })), 'distill: runDir: expected string, got nothing'],
  [
    () => distill(untyped({ teacher, dataset, runDir: folder, recipe: 'recipe.yaml' })),
    'distill: recipe: expected an object of fields, got recipe.yaml',
  ],
] as const)('says what is wrong (%#)', async (call, message) => {
  const error = await (call as () => Promise<unknown>)().catch((one: unknown) => one);
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message.replaceAll('"', '')).toContain(message.replaceAll('"', ''));
});
