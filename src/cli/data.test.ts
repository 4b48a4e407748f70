import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { promptkd } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-data-command-'));
});
afterEach(() => rm(folder, { recursive: true }));

const data = (...args: string[]) => promptkd('data', ...args);

it('inspects data: a text with what looks wrong, or one JSON object, and a contact sheet', async () => {
  await put(folder, 'train/red_fox/1.png');
  await put(folder, 'train/red_fox/notes.txt', 'x');
  await put(folder, 'test/red_fox/2.png', await imageFile());
  const { code, out } = await data('inspect', `folder:${folder}`, '--quiet');
  expect(code).toBe(0);
  expect(out).toContain('1 classes, 0 of them novel');
  expect(out).toContain('train  train/red_fox/1.png  [red fox] a photo of a red fox | red fox');
  expect(out).toContain('not an image file: train/red_fox/notes.txt');
  expect(out).toMatch(/1 images outside train that are also in train\n {4}test\/test\/red_fox\/2\.png = train/);
  const sheet = join(folder, 'sheet.png');
  const json = await data('inspect', `folder:${folder}?into=train`, '--json', '--quiet', '--sheet', sheet);
  expect(JSON.parse(json.out)).toMatchObject({ splits: { train: { images: 2 } }, sheet, findings: [{}, {}] });
});

it('says by which rule splits were dealt, and writes control characters of names out', async () => {
  for (let i = 0; i < 10; i++) await put(folder, `owl/${i}.png`, await imageFile(`#0${i}0`));
  await put(folder, 'owl/\u001b]0;x\u0007.png');
  const { out } = await data(
    'show',
    `folder:${folder}`,
    '--split',
    'train',
    '--out',
    join(folder, 'sheet.png'),
    '--quiet',
  );
  expect(out).toMatch(/train +8 images\n/);
  expect(out).toContain('a fifth to test and a tenth (at least one) to val');
  const inspected = await data('inspect', `folder:${folder}`, '--samples', '11', '--quiet');
  expect(inspected.out).toContain('owl/\\x1b]0;x\\x07.png');
  expect(inspected.out).not.toContain('\u001b');
  const { dealt } = JSON.parse((await data('inspect', `folder:${folder}`, '--json', '--quiet')).out);
  expect(dealt).toContain('of each class with at least 5 images');
  expect((await data('inspect', '--help')).out.replaceAll(/\s+/g, ' ')).toContain(dealt);
});

it('explains every kind of data and its options, and refuses others with exit code 2', async () => {
  const { out } = await data('inspect', '--help');
  for (const text of ['folder:DIR', 'wds:DIR/{000..099}.tar', 'novel=', 'images=']) expect(out).toContain(text);
  expect(await data('inspect', 'foldr:x')).toEqual({
    code: 2,
    out: '',
    err: expect.stringMatching(/^promptkd: --data foldr:x: expected one of emoji, .*; did you mean folder:DIR\?\n$/),
  });
});
