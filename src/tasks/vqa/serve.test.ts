import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveCheckpoint } from '../../clip/index.js';
import type * as serve from '../../serve/index.js';
import { promptkd } from '../../test/command.fixture.js';
import type * as tasks from '../index.js';
import { tinyModel } from './tiny-vqa.fixture.js';

const dist = (path: string) => new URL(`../../../dist/${path}`, import.meta.url);
let root = '';
const path = (name: string) => join(root, name);

/** Squares of two colours, which a table asks about. */
beforeAll(async () => {
  if (!existsSync(dist('serve/index.js'))) throw new Error('commands are tested as built: run "npm run build" first');
  root = await mkdtemp(join(tmpdir(), 'promptkd-vqa-serve-'));
  for (const [name, seed] of [
    ['model', 1],
    ['other', 2],
  ] as const) {
    await mkdir(path(name));
    await saveCheckpoint(path(name), tinyModel(seed));
  }
  for (const colour of ['red', 'blue']) {
    await sharp({ create: { width: 8, height: 8, channels: 3, background: colour } })
      .png()
      .toFile(path(`${colour}.png`));
  }
  const rows = ['red', 'blue'].flatMap((colour) =>
    ['train', 'val', 'test'].map((split) => `${colour}.png,what colour?,${colour},${split}`),
  );
  await writeFile(
    path('questions.csv'),
    ['image,question,answer,split', ...rows, 'gone.png,what colour?,red,test'].join('\n'),
  );
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('trains, measures, asks and exports by command, and answers over HTTP', async () => {
  const set = [
    'steps=25',
    'batch=2',
    'lr=0.02',
    'warmup_steps=2',
    'answers.min_count=1',
    'head.width=8',
    'head.heads=2',
  ];
  const data = `csv:${path('questions.csv')}`;
  const flags = [...set, 'head.layers=1', 'head.vision_layer=2'].flatMap((field) => ['--set', field]);
  const trained = await promptkd(
    'vqa',
    'train',
    path('model'),
    '--data',
    data,
    '--out',
    path('run'),
    '--json',
    ...flags,
  );
  expect([trained.code, trained.err.includes('promptkd:')]).toEqual([0, false]);
  expect(JSON.parse(trained.out)).toMatchObject({ answers: 2, questions: 2, outside: 0, unreadable: 0 });
  const resumed = await promptkd('resume', path('run'));
  expect(resumed.out).toMatch(/has finished/);

  const measured = await promptkd(
    'vqa',
    'evaluate',
    path('model'),
    '--head',
    path('run'),
    '--data',
    data,
    '--zero-shot',
    '--answers',
    path('answers.json'),
  );
  expect(measured.out).toMatch(
    /head +zero-shot +prior[\s\S]*all +100\.0[\s\S]*1 are left out: their images cannot be read/,
  );
  const asked = await promptkd(
    'vqa',
    'ask',
    path('model'),
    path('red.png'),
    'what colour?',
    '--head',
    path('run'),
    '--json',
  );
  expect(JSON.parse(asked.out)).toMatchObject({ answers: [{ question: 'what colour?', answer: 'red' }] });
  const exported = await promptkd('vqa', 'export', path('model'), '--head', path('run'), '--out', path('exported'));
  expect([exported.code, existsSync(path('exported/onnx/vqa_head.onnx'))]).toEqual([0, true]);
  const refused = [
    await promptkd('vqa', 'ask', path('other'), path('red.png'), 'what colour?', '--head', path('run')),
    await promptkd('vqa', 'ask', path('model'), path('none.png'), 'what colour?', '--head', path('run')),
    await promptkd('vqa', 'ask', path('model'), path('red.png'), ' ', '--head', path('run')),
    await promptkd('vqa', 'evaluate', path('model'), '--data', data),
    await promptkd('vqa', 'train', path('model'), '--teacher', path('other'), '--out', path('x')),
  ];
  expect(refused.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
  expect(refused.map(({ err }) => err.replaceAll(root, '')).join('')).toMatch(
    /the model that it was trained on[\s\S]*none.png[\s\S]*question: expected some words[\s\S]*expected --head, --blind or --zero-shot[\s\S]*expected both, a teacher and the head that was trained on it/,
  );

  const { ModelServer } = (await import(dist('serve/index.js').href)) as typeof serve;
  const { vqaExtension } = (await import(dist('tasks/index.js').href)) as typeof tasks;
  const log = pino({ level: 'silent' });
  const start = (head: string) =>
    ModelServer.start(
      { models: [path('model')], extensions: [vqaExtension(path('model'), head)], port: 0, threads: 1 },
      log,
    );
  const server = await start(path('run'));
  try {
    const images = [await sharp(path('blue.png')).toBuffer()].map((bytes) => bytes.toString('base64'));
    const post = async (body: object) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${server.url}/v1/ask`, { method: 'POST', headers, body: JSON.stringify(body) });
      return [response.status, (await response.json()) as Record<string, unknown>] as const;
    };
    const question = 'what colour?';
    expect(await post({ images, question })).toMatchObject([200, { answer: 'blue', cached: false }]);
    expect(await post({ images, question })).toMatchObject([200, { answer: 'blue', cached: true }]);
    for (const [body, message] of [
      [{ question }, /images: expected the one image that the question is about, got none/],
      [{ images: [...images, ...images], question }, /the one image .* got 2/],
      [{ images, question: '   ' }, /question/],
      [{ images, question: 'x'.repeat(10_000) }, /question: expected at most 1000 characters/],
      [{ images, question, answers: ['bleu'] }, /did you mean blue\?/],
    ] as const) {
      const [status, { error }] = await post(body);
      expect([status, (error as { message: string }).message]).toEqual([400, expect.stringMatching(message)]);
    }
  } finally {
    await server.stop();
  }
});
