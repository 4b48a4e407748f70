import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dtype } from '../clip/checkpoint/onnx-dtypes.js';
import { loadOnnxPair, type OnnxPair } from '../clip/checkpoint/onnx-pair.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { exportModel } from '../compress/index.js';
import { checkpoint, promptsFor } from '../compress/student.fixture.js';
import { UserError } from '../errors.js';
import { preprocessImage } from '../loader/pixels.js';
import { Random } from '../math/random.js';
import { browserName, hasBrowser, launchBrowser, type StaticServer, serveFolder } from '../test/browser.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { writePage } from './index.js';

const classes = ['red cat', 'small house', 'tree', 'old drawing', 'two trees'];
const template = 'a drawing of {}';

let folder = '';
let samples: Buffer[] = [];
const [model, page] = [() => join(folder, 'exported'), () => join(folder, 'page')];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-web-'));
  const card = { name: 'A <b>page</b>' };
  const prompted = { ...checkpoint, prompts: promptsFor(2) };
  await exportModel({ model: prompted, out: model(), classes, templates: [template], card });
  samples = await Promise.all(['first', 'second', 'third'].map((seed) => patches(seed, 60, 50).png().toBuffer()));
  for (const [n, bytes] of samples.entries()) {
    await mkdir(join(folder, 'photos', 'test', `class ${n}`), { recursive: true });
    await writeFile(join(folder, 'photos', 'test', `class ${n}`, '1.png'), bytes);
  }
  const data = `folder:${join(folder, 'photos')}`;
  const { code, err } = await promptkd('web', model(), '--out', page(), '--dtype', 'fp32', '--data', data);
  expect([code, err]).toEqual([0, '']);
});
afterAll(() => rm(folder, { recursive: true }));

describe('promptkd web', () => {
  it('takes the smallest file that keeps the embeddings, and reports it', async () => {
    const { code, out } = await promptkd('web', model(), '--out', join(folder, 'small'), '--json');
    expect(code).toBe(0);
    const result = JSON.parse(out) as {
      vision: { dtype: string; cosine: number; bytes: number };
      fixedClasses: number;
    };
    expect(result.vision.dtype).not.toBe('fp32');
    expect(result.vision.cosine).toBeGreaterThan(0.99);
    expect(result.fixedClasses).toBe(5);
    const about = JSON.parse(await readFile(join(folder, 'small', 'model', 'model.json'), 'utf8'));
    expect(about).toMatchObject({ classes, templates: [template], vision: { bytes: result.vision.bytes } });
  });

  it('counts all that a browser loads, the runtime in its compressed form', async () => {
    const { sizes, vision } = JSON.parse(await readFile(join(page(), 'model', 'model.json'), 'utf8')) as {
      sizes: Record<string, number>;
      vision: { file: string };
    };
    const runtime = 'ort/ort-wasm-simd-threaded.wasm.gz';
    for (const file of [vision.file, 'model/text.onnx', 'model/tokenizer.json', runtime])
      expect(sizes[file]).toBe((await stat(join(page(), file))).size);
    expect(sizes[runtime]).toBeLessThan(5e6);
    await expect(stat(join(page(), 'ort', 'ort-wasm-simd-threaded.wasm'))).rejects.toThrow('ENOENT');
  });

  it('starts with the classes of the data, where the model has none of its own', async () => {
    const open = await copy('open');
    for (const name of ['classifier.safetensors', 'checksums.json']) await rm(join(open, name), { force: true });
    const data = `folder:${join(folder, 'photos')}`;
    const { code, out } = await promptkd(
      'web',
      join(folder, 'open'),
      '--out',
      join(folder, 'of-data'),
      '--dtype',
      'fp32',
      '--data',
      data,
    );
    expect([code, out]).toEqual([0, expect.stringContaining('3 of the data, or typed')]);
    const { suggested } = JSON.parse(await readFile(join(folder, 'of-data', 'model', 'model.json'), 'utf8'));
    expect(suggested).toEqual(['class 0', 'class 1', 'class 2']);
  });

  it('goes on without samples where a run’s data are gone, but not where they were asked for', async () => {
    const { code, err } = await promptkd('web', model(), '--out', join(folder, 'x'), '--data', 'folder:/nowhere');
    expect(err).toMatch(/nowhere/);
    expect(code).toBe(2);
  });

  it('writes a page with no inline script and no address but its own', async () => {
    const html = await readFile(join(page(), 'index.html'), 'utf8');
    expect(html).toContain("script-src 'self' 'wasm-unsafe-eval';");
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|style="/);
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address!);
    expect(addresses.length).toBeGreaterThan(2);
    expect(addresses.filter((address) => !address.startsWith('./'))).toEqual([]);
  });

  it.each<[string, () => Promise<string>, Dtype | undefined, RegExp]>([
    [
      'a classifier of another model',
      async () => {
        await writeFile(join(await copy('other'), 'classifier.safetensors'), 'nothing');
        return join(folder, 'other');
      },
      undefined,
      /classifier\.safetensors: /,
    ],
    ['a variant that is not there', async () => model(), 'bnb4', /_bnb4\.onnx: no such file: choose one of fp32, fp16/],
    [
      'an encoder that is none',
      async () => {
        await writeFile(join(await copy('broken'), 'onnx', 'vision_model_fp16.onnx'), 'nothing');
        return join(folder, 'broken');
      },
      'fp16',
      /vision_model_fp16\.onnx: expected a model that ONNX Runtime runs: /,
    ],
  ])('refuses %s', async (_, make, dtype, message) => {
    const refused = writePage({ model: await make(), out: join(folder, 'x'), title: 'x', dtype });
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(UserError);
  });

  it('exports a run, which has no ONNX files, for the page alone', async () => {
    await mkdir(join(folder, 'run'));
    const student = join(folder, 'run', 'student');
    await cp(model(), student, { recursive: true });
    await rm(join(student, 'onnx'), { recursive: true });
    const before = await readdir(tmpdir());
    const out = join(folder, 'of-run');
    const {
      code,
      err,
      out: said,
    } = await promptkd('web', join(folder, 'run'), '--out', out, '--dtype', 'fp32', '--quiet', '--json');
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(said)).toMatchObject({ vision: { path: join('onnx', 'vision_model.onnx') } });
    const pages = [page(), out].map((one) => readFile(join(one, 'model', 'vision.onnx')));
    const [exported, ofRun] = await Promise.all(pages);
    expect(ofRun!.equals(exported!)).toBe(true);
    expect(await readdir(student)).not.toContain('onnx');
    const left = (await readdir(tmpdir())).filter((one) => one.startsWith('promptkd-export-') && !before.includes(one));
    expect(left).toEqual([]);
  });

  it('answers a folder without a model with one sentence and exit code 2', async () => {
    const { code, out, err } = await promptkd('web', join(folder, 'photos'), '--out', join(folder, 'x'));
    expect(err).toMatch(
      /^promptkd: .*photos: expected onnx\/vision_model\.onnx and onnx\/text_model\.onnx, or a smaller variant of both: write them with promptkd export or promptkd quantize\n$/,
    );
    expect([code, out]).toEqual([2, '']);
  });

  async function copy(name: string): Promise<string> {
    await cp(model(), join(folder, name), { recursive: true });
    return join(folder, name);
  }
});

/** An image of coloured patches, `channels` 4 with transparent parts. */
function patches(seed: string, width: number, height: number, channels: 3 | 4 = 3) {
  const random = new Random('web images', seed);
  const colours = Array.from({ length: 64 }, () => Array.from({ length: channels }, () => random.int(256)));
  const data = Uint8Array.from({ length: width * height * channels }, (_, at) => {
    const pixel = Math.floor(at / channels);
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    return colours[Math.floor((8 * y) / height) * 8 + Math.floor((8 * x) / width)]![at % channels]!;
  });
  return sharp(data, { raw: { width, height, channels } });
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((far, x, i) => Math.max(far, Math.abs(x - b[i]!)), a.length === b.length ? 0 : Infinity);

describe.skipIf(!hasBrowser)(`the page in ${browserName}`, () => {
  let server: StaticServer;
  let browser: Browser;
  let tab: Page;
  let pair: OnnxPair;
  const complaints: string[] = [];
  const foreign: string[] = [];

  /** Runs the body of an async function in the page, `given` at hand. */
  const inPage = <Result>(body: string, given: unknown = {}) =>
    tab.evaluate(`(async (given) => { ${body} })(${JSON.stringify(given)})`) as Promise<Result>;
  const file = `new File([Uint8Array.from(atob(given.data), (c) => c.charCodeAt(0))], given.name, { type: given.type })`;
  const asFile = (bytes: Uint8Array, name = 'image.png', type = 'image/png') => ({
    data: Buffer.from(bytes).toString('base64'),
    name,
    type,
  });
  const ready = () => tab.locator('body[data-stage="empty"]').waitFor();
  const drop = (given: object) =>
    inPage(
      `const transfer = new DataTransfer(); transfer.items.add(${file});
       document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));`,
      given,
    );

  /** What Node makes of a file: pixels, embedding, and the classes by probability. */
  async function inNode(file: Uint8Array, names: readonly string[] = classes) {
    const { size } = pair.preprocess;
    const pixels = await preprocessImage(file, pair.preprocess);
    const { data: embedding } = await pair.images({ shape: [1, 3, size, size], data: pixels });
    const features = await textsInNode(names.map((name) => template.replace('{}', name)));
    const width = embedding.length;
    const unit = (row: Float32Array) => row.map((x) => x / Math.hypot(...row));
    const image = unit(embedding);
    const weights = names.map((_, n) => {
      const text = unit(features.subarray(n * width, (n + 1) * width));
      return Math.exp(Math.exp(pair.logitScale) * image.reduce((sum, x, k) => sum + x * text[k]!, 0));
    });
    const total = weights.reduce((a, b) => a + b);
    const answers = names.map((name, n) => ({ name, share: `${((100 * weights[n]!) / total).toFixed(1)} %` }));
    const order = weights.map((_, n) => n).sort((a, b) => weights[b]! - weights[a]!);
    return { pixels, embedding, answers: order.map((n) => answers[n]!) };
  }
  async function textsInNode(texts: readonly string[]) {
    const length = pair.config.text_config.max_position_embeddings;
    return (await pair.texts(tokenizeAll(pair.tokenizer, texts, length))).data;
  }
  const textOf = (selector: string) => tab.locator(selector).textContent();
  const shownAnswers = () =>
    inPage<{ name: string; share: string }[]>(
      `return [...document.querySelectorAll('#answers li')].map((row) => ({
         name: row.children[0].textContent, share: row.children[1].textContent }));`,
    );
  /** Waits as long as a busy machine needs. */
  const eventually = <Value>(value: () => Promise<Value>) => expect.poll(value, { timeout: 30_000 });

  beforeAll(async () => {
    pair = await loadOnnxPair(model());
    server = await serveFolder(page());
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    tab = await context.newPage();
    tab.setDefaultTimeout(150_000);
    // File choosers are intercepted while anyone listens: from now on, or a quick key would open a real one.
    tab.on('filechooser', () => {});
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('pageerror', (error) => complaints.push(error.message));
    tab.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !url.startsWith(`blob:${server.url}`)) foreign.push(url);
    });
    await tab.addInitScript(
      `self.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective + ' ' + event.blockedURI));`,
    );
    await tab.goto(server.url);
    await ready();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await pair?.dispose();
  });

  it('isolates itself on a server that sends no headers, and says what it runs on', async () => {
    // One core has no use for it.
    expect(await inPage('return crossOriginIsolated || navigator.hardwareConcurrency === 1')).toBe(true);
    expect(await textOf('#backend')).toMatch(/^WASM with SIMD, (one thread|\d+ threads)$/);
    expect(await textOf('#time')).toMatch(/^\d+(\.\d)? ms$/);
    expect(await textOf('#offline')).toBe('Yes');
    expect(await textOf('h1')).toBe('A <b>page</b>');
  });

  it('opens with the model’s own name and classes and three sample images, which answer at a click', async () => {
    expect(await textOf('#fixed-names')).toBe(classes.join(', '));
    expect(await tab.locator('#samples img').count()).toBe(3);
    const answered: string[] = [];
    for (const n of [0, 1, 2]) {
      await tab.locator('#samples button').nth(n).click();
      await eventually(() => inPage<string>('return document.getElementById("image").alt')).toContain(
        `sample-${n + 1}`,
      );
      await eventually(() => inPage<number>('return document.querySelectorAll("#answers li").length')).toBe(5);
      answered.push(JSON.stringify(await shownAnswers()));
    }
    const expected = await Promise.all(samples.map(async (bytes) => JSON.stringify((await inNode(bytes)).answers)));
    expect(answered.sort()).toEqual(expected.sort());
  });

  it('starts “My own” with the model’s classes', async () => {
    const before = await shownAnswers();
    await tab.locator('label[for="kind-live"]').click();
    expect(await tab.locator('#names').inputValue()).toBe(classes.join('\n'));
    await eventually(shownAnswers).toEqual(before);
    await tab.locator('label[for="kind-fixed"]').click();
  });

  it('gives Node’s embeddings of images and texts in float32', async () => {
    const png = await patches('opaque', 90, 60).png().toBuffer();
    const texts = ['a drawing of a red cat', 'tree', 'two small houses under a tree, and another red cat behind them'];
    const { embedding, seen, embeds } = await inPage<Record<'embedding' | 'seen' | 'embeds', number[]>>(
      `const { openEngine } = await import('./engine.js');
       const engine = await openEngine({ device: 'wasm' });
       const { embedding, seen } = await engine.embedImage(${file});
       const embeds = await engine.embedTexts(given.texts);
       engine.close();
       return { embedding: [...embedding], seen: [...seen], embeds: [...embeds] };`,
      { ...asFile(png), texts },
    );
    const node = await inNode(png);
    expect(largest(embedding, node.embedding)).toBeLessThan(1e-4);
    expect(largest(embeds, await textsInNode(texts))).toBeLessThan(1e-4);
    // A PNG's pixels are resampled by the same code: the model sees the same bytes.
    const { rescale, mean, std, size } = pair.preprocess;
    const bytes = node.pixels.map((x, i) => {
      const c = Math.floor(i / size / size);
      return (x * std[c]! + mean[c]!) / rescale;
    });
    expect(
      largest(
        seen,
        seen.map((_, i) => Math.round(bytes[(i % 3) * size * size + Math.floor(i / 3)]!)),
      ),
    ).toBe(0);
  });

  it('reads a turned JPEG, a transparent PNG and one in Display P3 as Node does, to the decoders’ rounding', async () => {
    const jpeg = await patches('jpeg', 200, 150).jpeg({ quality: 90 }).withMetadata({ orientation: 6 }).toBuffer();
    const clear = await patches('clear', 64, 64, 4).png().toBuffer();
    const tagged = await patches('wide gamut', 64, 64).withIccProfile('p3').png().toBuffer();
    const seen = await inPage<number[][]>(
      `const { openEngine } = await import('./engine.js');
       const engine = await openEngine({ device: 'wasm' });
       const seen = [];
       for (const data of given.images) {
         const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
         seen.push([...(await engine.embedImage(new Blob([bytes]))).seen]);
       }
       engine.close();
       return seen;`,
      { images: [jpeg, clear, tagged].map((bytes) => bytes.toString('base64')) },
    );
    for (const [n, image] of [jpeg, clear, tagged].entries()) {
      const plain = { ...pair.preprocess, rescale: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
      const pixels = await preprocessImage(image, plain);
      const area = pixels.length / 3;
      const apart = seen[n]!.map((x, i) => Math.abs(x - pixels[(i % 3) * area + Math.floor(i / 3)]!));
      // 2 of 255 levels are 0.03 in normalised units.
      expect(apart.reduce((a, b) => a + b) / apart.length).toBeLessThan(2);
      expect(Math.max(...apart)).toBeLessThan(12);
    }
  });

  it('answers a dropped image as Node does', async () => {
    const png = await patches('dropped', 80, 80).png().toBuffer();
    await drop(asFile(png));
    await tab.locator('body[data-stage="image"]').waitFor();
    const { answers } = await inNode(png);
    // The answers of the image before may have the same first one.
    await eventually(shownAnswers).toEqual(answers);
  });

  it('answers a pasted image, by classes typed live', async () => {
    const png = await patches('pasted', 50, 70).png().toBuffer();
    await inPage(
      `const transfer = new DataTransfer(); transfer.items.add(${file});
       document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));`,
      asFile(png, 'pasted.png'),
    );
    await tab.locator('label[for="kind-live"]').click();
    await tab.locator('#names').fill('red tree\nhouse, cat');
    const { answers } = await inNode(png, ['red tree', 'house', 'cat']);
    await eventually(shownAnswers).toEqual(answers);
    await tab.locator('#names').fill('');
    await eventually(() => textOf('#class-fault')).toBe('Type at least one class.');
    expect(await shownAnswers()).toEqual(answers);
    await tab.locator('label[for="kind-fixed"]').click();
    await eventually(async () => (await shownAnswers()).length).toBe(5);
  });

  it('says that a file is no image and keeps the answers', async () => {
    const before = await shownAnswers();
    await drop(asFile(Buffer.from('not an image'), 'notes.png'));
    await eventually(() => textOf('#fault')).toMatch(/^notes\.png is not an image/);
    expect(await shownAnswers()).toEqual(before);
  });

  it('is used by keyboard', async () => {
    await tab.locator('#choose').focus();
    const reached: string[] = [];
    for (let key = 0; key < 3; key++) {
      await tab.keyboard.press('Tab');
      reached.push(await inPage<string>('return document.activeElement.id'));
    }
    expect(reached).toEqual(['camera', 'kind-fixed', 'device']);
    await tab.locator('#choose').focus();
    const [chooser] = await Promise.all([
      tab.waitForEvent('filechooser', { timeout: 20_000 }),
      tab.keyboard.press('Enter'),
    ]);
    const png = await patches('chosen', 40, 40).png().toBuffer();
    await chooser.setFiles({ name: 'chosen.png', mimeType: 'image/png', buffer: png });
    await eventually(shownAnswers).toEqual((await inNode(png)).answers);
    expect(await textOf('#fault')).toBe('');
    await tab.locator('#kind-fixed').focus();
    await tab.keyboard.press('ArrowRight');
    expect(await tab.locator('#names').isVisible()).toBe(true);
  });

  it('fits a narrow screen', async () => {
    await tab.setViewportSize({ width: 390, height: 844 });
    expect(await inPage('return document.documentElement.scrollWidth')).toBe(390);
  });

  it('follows the camera until it is switched off', async () => {
    await tab.locator('#camera').click();
    await tab.locator('body[data-stage="camera"]').waitFor();
    expect(await tab.locator('#camera').getAttribute('aria-pressed')).toBe('true');
    await eventually(async () => (await shownAnswers()).length).toBeGreaterThan(2);
    await tab.locator('#camera').click();
    expect(await tab.locator('#camera').getAttribute('aria-pressed')).toBe('false');
    expect(await inPage('return document.querySelector("video").srcObject.active')).toBe(false);
  });

  it('opens one camera, however often it is asked for while it starts, and none behind an image', async () => {
    await inPage(
      `const { mediaDevices } = navigator;
       const open = mediaDevices.getUserMedia.bind(mediaDevices);
       self.tracks = [];
       mediaDevices.getUserMedia = async (what) => {
         await new Promise((resolve) => setTimeout(resolve, 300));
         const stream = await open(what);
         tracks.push(...stream.getTracks());
         return stream;
       };`,
    );
    const states = () => inPage<string[]>('return tracks.map(({ readyState }) => readyState)');
    const click = (times: number) =>
      inPage('for (let i = 0; i < given; i++) document.getElementById("camera").click()', times);
    const pressed = () => tab.locator('#camera').getAttribute('aria-pressed');
    await click(3);
    await eventually(pressed).toBe('true');
    expect(await states()).toEqual(['live']);
    await click(1);
    expect([await states(), await pressed()]).toEqual([['ended'], 'false']);
    await click(1);
    await drop(asFile(await patches('instead', 40, 40).png().toBuffer()));
    await eventually(states).toEqual(['ended', 'ended']);
    expect(await pressed()).toBe('false');
  });

  it('takes the fastest device in place of one that it does not know, and says so', async () => {
    await tab.goto(`${server.url}?device=foo`);
    await ready();
    expect(await tab.locator('#device').inputValue()).toBe('auto');
    expect(await textOf('#fault')).toBe('There is no device “foo”: the fastest one is used.');
    await tab.goto(server.url);
    await ready();
    expect(await textOf('#fault')).toBe('');
  });

  it('works without the server after its first load', async () => {
    await server.close();
    await tab.reload();
    await ready();
    const png = await patches('offline', 80, 60).png().toBuffer();
    await drop(asFile(png));
    await eventually(shownAnswers).toEqual((await inNode(png)).answers);
  });

  it('never asked for anything from elsewhere, nor against its policy', async () => {
    expect(await inPage('return violations')).toEqual([]);
    expect(complaints).toEqual([]);
    expect(foreign).toEqual([]);
  });
});
