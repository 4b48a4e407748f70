import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { saveModel } from '../model/index.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd as command } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-embed-command-'));
  vi.stubEnv('PROMPTKD_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const promptkd = (...args: string[]) => command(...args, '--quiet');

it('embeds photos and searches them; a corrupt one is counted, and what is not embedded yet is', async () => {
  const model = join(folder, 'model');
  await saveModel(model, teacher);
  for (const colour of ['red', 'green', 'blue']) await put(folder, `photos/${colour}.png`, await imageFile(colour));
  await put(folder, 'photos/torn.jpg', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]));
  const out = join(folder, 'embedded');
  const made = await promptkd('embed', model, '--data', `folder:${join(folder, 'photos')}`, '--out', out, '--json');
  expect(made.code, made.err).toBe(0);
  expect(JSON.parse(made.out)).toMatchObject({ embedded: 3, already: 0, unreadable: 1, width: 12 });
  const red = join(folder, 'photos', 'red.png');
  const byImage = await promptkd('search', out, '--image', red, '--top', '1', '--json');
  expect(JSON.parse(byImage.out), byImage.err).toMatchObject({ images: 3, hits: [{ image_path: red }] });
  await put(folder, 'photos/gold.png', await imageFile('gold'));
  const byText = await promptkd('search', join(folder, 'photos'), 'red stripes', '--model', model);
  expect(byText.out, byText.err).toMatch(/^-?0\.\d{3} {2}.+\n(.+\n){3}4 images searched in /);
});
