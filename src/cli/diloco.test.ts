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
  folder = await mkdtemp(join(tmpdir(), 'promptkd-diloco-command-'));
  for (const name of ['red', 'green'])
    for (let i = 0; i < 3; i++) await put(at('images'), `${name}/${i}.png`, await imageFile(name));
  const small = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 1 };
  const recipe = {
    ...{ steps: 2, batch: 2, optimizer: { warmup_steps: 0 }, evaluation: { every: 0 } },
    model: { projection_dim: 8, vision: { ...small, image_size: 8 }, text: { ...small, vocab_size: 530 } },
  };
  await writeFile(at('recipe.yaml'), stringify(recipe));
});
afterAll(() => rm(folder, { recursive: true }));

it('trains in rounds as jobs: local steps, a merge, and the end of the run', async () => {
  const call = ['pretrain', '--data', `folder:${at('images')}`, '--recipe', at('recipe.yaml'), '--threads', '1'];
  const own = ['--folder', at('rounds'), '--replicas', '1', '--local-steps', '2', '--retries', '0'];
  const ended = await promptkd('diloco', 'run', ...own, '--json', '--', ...call, '--workers', '0');
  expect(ended.code, ended.err).toBe(0);
  expect(JSON.parse(ended.out)).toMatchObject({
    ...{ folder: at('rounds/run'), lost: 0 },
    rounds: [{ round: 1, phase: 'pretrain', step: 2, steps: 2, shares: [1] }],
    result: { steps: 2 },
  });
  expect(existsSync(at('rounds/run/model/config.json'))).toBe(true);
});

it('says what it cannot train in rounds, and which rounds stand there', async () => {
  const run = (...args: string[]) => promptkd('diloco', 'run', '--folder', at('rounds'), ...args);
  expect(await run('--', 'cvpr2024', '--data', 'x')).toMatchObject({
    ...{ code: 2, err: 'promptkd: expected one of distill, pretrain, tune-prompts behind --, got cvpr2024\n' },
  });
  expect((await run('--', 'pretrain', '--out', 'x')).err).toContain('--out is given by diloco itself');
  const { code, err } = await run('--replicas', '2', '--', 'pretrain');
  expect([code, err]).toEqual([2, expect.stringContaining('rounds.json: holds other rounds (call was ')]);
});
