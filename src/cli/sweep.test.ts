import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { promptkd } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-sweep-command-'));
  for (const name of ['red', 'green', 'blue'])
    for (let i = 0; i < 5; i++) await put(at('images'), `${name}/${i}.png`, await imageFile(name));
});
afterAll(() => rm(folder, { recursive: true }));

it('sweeps a pretraining as jobs, prints one table, and trains nothing twice', async () => {
  const small = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 1 };
  const recipe = {
    ...{ steps: 2, batch: 2, optimizer: { warmup_steps: 0 }, evaluation: { every: 2 } },
    model: { projection_dim: 8, vision: { ...small, image_size: 8 }, text: { ...small, vocab_size: 530 } },
  };
  await writeFile(at('recipe.yaml'), stringify(recipe));
  const call = ['pretrain', '--data', `folder:${at('images')}`, '--threads', '1', '--workers', '0'];
  const sweep = { call, recipe: at('recipe.yaml'), fields: { 'optimizer.lr': [1e-3, 'fast'] } };
  await writeFile(at('sweep.yaml'), stringify(sweep));
  const dry = await promptkd('sweep', at('sweep.yaml'), '--out', at('out'), '--dry-run');
  expect(dry.out.split('\n')).toHaveLength(3);
  expect(dry.out).toContain('--set optimizer.lr=0.001 --seed 1 --out');
  expect(existsSync(at('out'))).toBe(false);
  const first = await promptkd(
    'sweep',
    at('sweep.yaml'),
    '--out',
    at('out'),
    '--workers',
    '2',
    '--json',
    '--retries',
    '0',
  );
  expect(first.code, first.err).toBe(0);
  const { best, trials } = JSON.parse(first.out);
  expect(best).toMatchObject({ trial: 1, values: { 'optimizer.lr': 0.001 }, mean: best.runs[0].value });
  expect(best.mean).toBeGreaterThanOrEqual(0);
  expect(existsSync(join(best.runs[0].folder, 'model', 'config.json'))).toBe(true);
  expect(trials[1].runs[0].fault).toMatch(/optimizer\.lr: expected number, got "fast"/);
});
