import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initClip } from '../../clip/towers/initialise.js';
import type { RawImage } from '../../data/index.js';
import { Random } from '../../math/index.js';
import { compileOptions, teacher as small } from '../../test/colours.fixture.js';
import type { DefectDataset, DefectImage } from './data/defect-data.js';
import { defectsRecipe } from './defects-recipe.js';
import { loadDetector, saveDetector } from './detector-folder.js';
import { evaluateDefects } from './evaluate.js';
import { detectorOnnx, exportDetector, verifyDetector } from './export.js';
import { type Fitted, fitDetector } from './fit.js';
import { openInspector } from './inspect.js';
import { fitDefects } from './train.js';
import { type Inspected, watchFolder } from './watch.js';

/** With room for `damaged object`, which its tokenizer reads letter by letter. */
const config = { ...small.config, text_config: { ...small.config.text_config, max_position_embeddings: 24 } };
const teacher = { ...small, config, params: initClip(config, 4) };

/** Stripes with a bright square where they are defective, 24 × 32 pixels. */
function draw({ id, defect }: DefectImage): RawImage {
  const random = new Random('plates', id);
  const data = new Uint8Array(24 * 32 * 3);
  const shift = random.int(2);
  for (let i = 0; i < data.length; i++) data[i] = ((Math.floor(i / 3) + shift) % 2 ? 120 : 60) + random.int(6);
  if (defect)
    for (let y = 8; y < 14; y++) for (let x = 20; x < 27; x++) data.fill(255, (y * 32 + x) * 3, (y * 32 + x) * 3 + 2);
  return { width: 32, height: 24, channels: 3, data };
}

const images = (name: string, count: number, defect?: string): DefectImage[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${name}-${i}`, product: 'plate', ...(defect && { defect }) }));

const dataset: DefectDataset = {
  name: 'plates',
  products: [{ name: 'plate', train: images('train', 8), test: [...images('sound', 3), ...images('bad', 3, 'spot')] }],
  fingerprint: 'plates-1',
  load: async (image) => draw(image),
  async mask({ defect }, { width, height }) {
    const data = new Uint8Array(width * height);
    if (defect) for (let y = 8; y < 14; y++) data.fill(1, y * 32 + 20, y * 32 + 27);
    return { width, height, data };
  },
  skipped: [],
};
const product = dataset.products[0]!;
const view = { side: 24, overlap: 0.5, layers: [1, 2] };
const options = {
  model: teacher,
  dataset,
  product,
  view,
  shots: 4,
  coreset: 0.5,
  falseAlarms: 200,
  seed: 0,
  ...compileOptions,
};
const bad = draw({ id: 'bad-0', product: 'plate', defect: 'spot' });

let folder: string;
let fitted: Fitted;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'detector-'));
  fitted = await fitDetector('few-shot', options);
});
afterAll(() => rm(folder, { recursive: true }));

describe('a detector', () => {
  it('is fitted to sound images alone, and finds what is not', async () => {
    expect(fitted.remembered).toHaveLength(4);
    expect(fitted.calibrated).toHaveLength(4);
    expect(fitted.detector.size).toEqual([24, 32]);
    const found = await evaluateDefects(fitted.detector, { dataset, product, ...compileOptions });
    expect(found.image!.auroc).toBe(1);
    expect(found.pixel!.auroc).toBeGreaterThan(0.9);
    expect(found.byKind.spot!.images).toBe(3);
    expect(Object.keys(found.bySize)).toEqual(['above 5 %']);
  });

  it('is all in its folder', async () => {
    await saveDetector(join(folder, 'saved'), fitted.detector);
    const read = await loadDetector(join(folder, 'saved'));
    const [first, second] = [openInspector(fitted.detector, compileOptions), openInspector(read, compileOptions)];
    const [a, b] = [await first.inspect(bad, 'bad'), await second.inspect(bad, 'bad')];
    expect(b.score).toBe(a.score);
    expect(b.map).toEqual(a.map);
    expect(a.defective).toBe(true);
    expect(a.mask[10 * 32 + 23]).toBe(1);
    await Promise.all([first.dispose(), second.dispose()]);
    const file = join(folder, 'saved', 'detector.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('few-shot', 'few'));
    await expect(loadDetector(join(folder, 'saved'))).rejects.toThrow(/detector.json/);
    await expect(loadDetector(folder)).rejects.toThrow('expected the folder of a detector');
  });

  it('refuses an image of another size than those it was fitted on', async () => {
    const inspector = openInspector(fitted.detector, compileOptions);
    const other = { width: 24, height: 24, channels: 3 as const, data: new Uint8Array(24 * 24 * 3) };
    await expect(inspector.inspect(other, 'other.png')).rejects.toThrow(
      'other.png: expected an image of 32 × 24 pixels, as those that the detector was fitted on, got 24 × 24',
    );
    await inspector.dispose();
  });

  it('needs two sound images: one to learn from, one to set the threshold by', async () => {
    const one = { ...product, train: images('train', 1) };
    await expect(fitDetector('few-shot', { ...options, product: one })).rejects.toThrow(
      'expected at least two sound images for training, one to learn from and one to set the threshold by, found one',
    );
    const none = { ...product, train: [] };
    await expect(fitDetector('zero-shot', { ...options, product: none })).rejects.toThrow('found none');
  });

  it('is one ONNX file, checked on images, and refused where a score or a label differs', async () => {
    const { detector } = fitted;
    const probes = [
      { label: 'bad', image: bad },
      { label: 'sound', image: draw(product.test[0]!) },
    ];
    const out = join(folder, 'exported');
    const check = await exportDetector({ detector, out, probes, ...compileOptions });
    expect(check).toMatchObject({ images: 2 });
    expect(check.score).toBeLessThan(1e-4);
    const about = JSON.parse(await readFile(join(out, 'inspection.json'), 'utf8'));
    expect(about.input.image).toBe('uint8 [1, 24, 32, 3], RGB as decoded');
    // The field's standing fault: another threshold in the file than in the model.
    const { limits } = detector;
    const { value } = limits.image;
    const moved = { ...limits, image: { ...limits.image, value: value + 1 } };
    const wrong = join(folder, 'wrong.onnx');
    await writeFile(wrong, detectorOnnx({ ...detector, limits: moved }));
    await expect(verifyDetector(wrong, { detector, probes, ...compileOptions })).rejects.toThrow('nothing is exported');
  });

  it.each(['q8', 'q4'] as const)('fitted with matrices in %s, is a smaller file of the same scores', async (dtype) => {
    const { detector } = await fitDetector('few-shot', { ...options, dtype });
    // Defective ones score 1 whatever the rounding.
    const probes = product.train.map((image) => ({ label: image.id, image: draw(image) }));
    const out = join(folder, dtype);
    const check = await exportDetector({ detector, out, probes, ...compileOptions });
    expect(check.score).toBeLessThan(1e-4);
    expect((await readFile(join(out, 'detector.onnx'))).length).toBeLessThan(detectorOnnx(fitted.detector).length);
    await saveDetector(join(folder, `saved-${dtype}`), detector);
    expect((await loadDetector(join(folder, `saved-${dtype}`))).dtype).toBe(dtype);
    const plain = join(folder, 'plain.onnx');
    await writeFile(plain, detectorOnnx({ ...detector, dtype: 'fp32' }));
    await expect(verifyDetector(plain, { detector, probes, ...compileOptions })).rejects.toThrow('nothing is exported');
  });

  it('takes images of any size in one file where it was fitted on several', async () => {
    const { size: _, ...open } = fitted.detector;
    const wide = { width: 40, height: 28, channels: 3 as const, data: new Uint8Array(40 * 28 * 3).fill(90) };
    const file = join(folder, 'open.onnx');
    await writeFile(file, detectorOnnx(open));
    const probes = [
      { label: 'bad', image: bad },
      { label: 'wide', image: wide },
    ];
    const check = await verifyDetector(file, { detector: open, probes, ...compileOptions });
    expect(check.map).toBeLessThan(1e-3);
  });

  it('judges by words, or by prompts learned from other products, which stop and go on to the same bits', async () => {
    const zero = await fitDetector('zero-shot', options);
    expect(zero.remembered).toEqual([]);
    const tuning = { steps: 4, n_ctx: 2, batch: 2, warmup_steps: 1 };
    const recipe = defectsRecipe.parse({ mode: 'tuned', side: 16, layers: [2], tuning, checkpoint_every: 2 });
    const run = (at: string, signal?: AbortSignal, more: object = {}) =>
      fitDefects({
        ...{ model: teacher, dataset, others: dataset, recipe, signal, engine: compileOptions },
        runDir: join(folder, at),
        ...more,
      });
    const whole = await run('whole');
    expect(whole.finished).toBe(true);
    const stop = new AbortController();
    const stopped = await run('stopped', stop.signal, {
      onProgress: ({ overall }: { overall?: number }) => overall === 2 && stop.abort(),
    });
    expect(stopped.finished).toBe(false);
    const resumed = await run('stopped');
    expect(resumed.detector!.learned).toEqual(whole.detector!.learned);
    // A student's prompts from the teacher's maps: no mask is read.
    const maskless = { ...dataset, mask: () => Promise.reject(new Error('a mask was read')) };
    const distilled = await run('distilled', undefined, { others: maskless, teacher: whole.detector });
    expect(distilled.steps).toBe(4);
    await expect(run('refused', undefined, { teacher: fitted.detector })).rejects.toThrow('expected a tuned one');
  });

  it('waits for a camera’s folder that goes away, and tells an image that is none', async () => {
    const camera = join(folder, 'camera');
    await mkdir(camera);
    const png = await sharp(bad.data, { raw: { width: 32, height: 24, channels: 3 } })
      .png()
      .toBuffer();
    await writeFile(join(camera, '1.png'), png);
    const inspector = openInspector(fitted.detector, compileOptions);
    const stop = new AbortController();
    const outcomes: Inspected[] = [];
    const messages: string[] = [];
    const away = join(folder, 'away');
    await watchFolder(
      inspector,
      camera,
      {
        signal: stop.signal,
        every: 5,
        onMessage(message) {
          messages.push(message);
          if (!/back$/.test(message) || / until /.test(message)) {
            void writeFile(join(away, '2.png'), 'no image').then(() => rename(away, camera));
          }
        },
      },
      async (outcome) => {
        outcomes.push(outcome);
        if (outcomes.length === 1) await rename(camera, away);
        else stop.abort();
      },
    );
    await inspector.dispose();
    expect(messages).toEqual([`${camera} is not there: waiting until it is back`, `${camera} is back`]);
    expect(outcomes[0]).toMatchObject({ file: join(camera, '1.png'), inspection: { defective: true } });
    expect(outcomes[1]).toMatchObject({ error: expect.stringContaining('2.png: expected an image') });
  });
});
