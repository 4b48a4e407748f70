import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveModel } from '../model/index.js';
import { teacher as student } from '../test/colours.fixture.js';
import { promptkdIn } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

const colours = { red: '#e01818', green: '#18c830', blue: '#1830e0', grey: '#808080' };
let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-bank-cli-'));
  await saveModel(join(root, 'student'), student);
  for (const [name, colour] of Object.entries(colours)) {
    for (const split of ['train', 'test']) {
      for (const n of [1, 2]) await put(join(root, 'photos'), `${split}/${name}/${n}.png`, await imageFile(colour));
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

const promptkd = (...args: string[]) => promptkdIn(root, ...args);
const tiny = ['batch=2', 'steps=2', 'routing.centroids=1', 'prompts.n_ctx=1', 'templates=["{}"]'];
const set = tiny.flatMap((field) => ['--set', field]);

it('continue begins a bank and adds to it; bank shows it, evaluate, export and web take it', async () => {
  const data = ['--data', 'folder:photos', ...set];
  const first = await promptkd(
    'continue',
    '--bank',
    'b',
    '--student',
    'student',
    '--task',
    'warm',
    ...data,
    '--json',
    '--set',
    'data.classes=["red","green"]',
  );
  expect(first).toMatchObject({ code: 0 });
  expect(JSON.parse(first.out)).toMatchObject({ task: 'warm', classes: 2, images: 4 });
  expect(
    (
      await promptkd(
        'continue',
        '--bank',
        'b',
        '--task',
        'cold',
        ...data,
        '--quiet',
        '--set',
        'data.classes=["blue","grey"]',
      )
    ).code,
  ).toBe(0);
  const bad = await promptkd('continue', '--bank', 'b', '--task', 'x', '--lambda', 'NaN', ...data, '--quiet');
  expect(bad.err).toMatch(/ewc\.lambda: expected auto or a number of at least 0, got "?NaN/);

  const shown = JSON.parse((await promptkd('bank', 'show', 'b', '--json')).out);
  expect(shown).toMatchObject({
    method: 'bank',
    tasks: [
      { name: 'warm', classes: 2 },
      { name: 'cold', classes: 2 },
    ],
  });
  const measured = await promptkd('evaluate', 'b', '--data', 'folder:photos', '--json', '--latency-runs', '0');
  expect(JSON.parse(measured.out)).toMatchObject({ images: 8, classes: 4 });
  const exported = await promptkd('export', 'b', '--out', 'exported', '--json');
  expect(JSON.parse(exported.out).max_difference).toBeLessThan(1e-4);
  expect((await promptkd('web', 'exported', '--out', 'page', '--quiet')).code).toBe(0);
  expect(JSON.parse(await readFile(join(root, 'page/model/model.json'), 'utf8'))).toMatchObject({
    width: 36,
    classes: ['green', 'red', 'blue', 'grey'],
  });
});

it('continual runs methods over tasks, and writes figures and a page', async () => {
  const recipe = [
    `data: { dataset: "folder:${join(root, 'photos')}" }`,
    'tasks: [{ name: warm, classes: [red, green] }, { name: cold, classes: [blue, grey] }]',
    'methods: [zero-shot, joint, bank]',
  ];
  await writeFile(join(root, 'continual.yaml'), recipe.join('\n'));
  const { code, out } = await promptkd(
    'continual',
    '--recipe',
    'continual.yaml',
    '--student',
    'student',
    '--out',
    'run',
    ...set,
    '--json',
  );
  expect(code).toBe(0);
  const { summary, runs } = JSON.parse(out);
  expect(summary.map(({ method }: { method: string }) => method)).toEqual(['zero-shot', 'joint', 'bank']);
  expect(runs[2].accuracy).toHaveLength(2);
  expect(runs[2]).toMatchObject({ forgetting_from_best: expect.any(Number), routing_accuracy: expect.any(Number) });
  expect(await readFile(join(root, 'run/report.html'), 'utf8')).toContain('bank, seed 0, order 0');
  expect(existsSync(join(root, 'run/continual.json'))).toBe(true);
});
