import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveModel } from '../model/index.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { put } from '../test/images.fixture.js';

let root = '';
const at = (...parts: string[]) => join(root, ...parts);
const plate = (tone: number, spot = false) => {
  const data = new Uint8Array(16 * 16 * 3).map((_, i) => tone + (i % 5));
  if (spot) for (let y = 4; y < 9; y++) data.fill(255, (y * 16 + 4) * 3, (y * 16 + 9) * 3);
  return sharp(data, { raw: { width: 16, height: 16, channels: 3 } })
    .png()
    .toBuffer();
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'defects-command-'));
  await saveModel(at('model'), teacher);
  for (let i = 0; i < 6; i++) await put(at('plates/plate'), `train/good/${i}.png`, await plate(90 + 3 * i));
  await put(at('plates/plate'), 'test/good/0.png', await plate(97));
  await put(at('plates/plate'), 'test/spot/0.png', await plate(97, true));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('promptkd defects', () => {
  it('fits, measures, exports and runs a detector', async () => {
    const data = ['--data', `mvtec:${at('plates')}`, '--threads', '1', '--json'];
    const sides = ['--set', 'side=16', '--shots', '3', '--false-alarms', '300'];
    const fitted = await promptkd('defects', 'fit', at('model'), ...data, ...sides, '--out', at('run'));
    expect(fitted.err + fitted.code).toMatch(/0$/);
    expect(JSON.parse(fitted.out)).toMatchObject({ mode: 'few-shot', product: 'plate', detector: at('run/detector') });
    const measured = await promptkd('defects', 'evaluate', at('run'), ...data);
    expect(JSON.parse(measured.out)).toMatchObject({ images: { sound: 1, defective: 1 }, image: { auroc: 1 } });
    const exported = await promptkd('defects', 'export', at('run'), ...data, '--out', at('exported'));
    expect(JSON.parse(exported.out).checked.images).toBe(2);
    const file = at('plates/plate/test/spot/0.png');
    const ran = await promptkd('defects', 'run', at('run'), file, at('gone.png'), '--json', '--out', at('out'));
    const [first, second] = ran.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ file, pred_label: true });
    expect(second.error).toContain('gone.png');
    expect((await sharp(await readFile(at('out/0.png.heat.png'))).metadata()).width).toBe(16);
    const again = await promptkd('resume', at('run'), '--json');
    expect(JSON.parse(again.out)).toMatchObject({ state: 'finished' });
  });

  it('refuses what it cannot use in a sentence', async () => {
    const fit = (...more: string[]) =>
      promptkd('defects', 'fit', at('model'), '--out', at('other'), '--quiet', ...more);
    const several = await fit('--data', 'surfaces');
    expect([several.code, several.err]).toEqual([
      2,
      expect.stringContaining('surfaces has 5 products: choose one with --product'),
    ]);
    const all = await fit('--data', `anomalib:${at('plates/plate/test')}?normal=spot&abnormal=good`);
    expect([all.code, all.err]).toEqual([
      2,
      expect.stringContaining('expected at least two sound images for training'),
    ]);
    const none = await promptkd('defects', 'evaluate', at('plates'));
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('expected the folder of a detector')]);
  });
});
