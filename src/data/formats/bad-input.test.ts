import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hugePng, imageFile, put } from '../../test/images.fixture.js';
import { type ImageTextDataset, openDataset } from '../index.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-bad-'));
  vi.stubEnv('PROMPTKD_CACHE', join(folder, 'cache'));
  await put(folder, 'outside.png');
  await put(folder, 'data/a.png');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** Two images and what is said of them: `a.png` is a good one, the other is what the test is about. */
type Format = (path: string, text: string, encoding?: BufferEncoding) => Promise<string>;

const encoded = (text: string, encoding: BufferEncoding = 'utf8') => Buffer.from(text, encoding);
const listed =
  (name: string, content: (path: string, text: string) => unknown, spec: (file: string) => string): Format =>
  async (path, text, encoding) => {
    const value = content(path, text);
    const all = typeof value === 'string' ? value : JSON.stringify(value);
    return spec(await put(folder, `data/${name}`, encoded(all, encoding)));
  };

const karpathy = (path: string, text: string) => ({
  images: [
    { filename: 'a.png', split: 'train', sentences: [{ raw: 'good' }] },
    { filename: path, split: 'train', sentences: [{ raw: text }] },
  ],
});

/** Every format that names images by their paths. */
const byPath: Readonly<Record<string, Format>> = {
  csv: listed(
    'x.csv',
    (path, text) => `image,text\na.png,good\n${path},${text}\n`,
    (file) => `csv:${file}`,
  ),
  tsv: listed(
    'x.tsv',
    (path, text) => `image\ttext\na.png\tgood\n${path}\t${text}\n`,
    (file) => `tsv:${file}`,
  ),
  jsonl: listed(
    'x.jsonl',
    (path, text) => `{"image": "a.png", "text": "good"}\n${JSON.stringify({ image: path, text })}\n`,
    (file) => `jsonl:${file}`,
  ),
  coco: listed(
    'captions_train.json',
    (path, text) => ({
      images: ['a.png', path].map((file_name, id) => ({ id, file_name, width: 20, height: 10 })),
      annotations: ['good', text].map((caption, image_id) => ({ image_id, caption })),
    }),
    (file) => `coco:${file}`,
  ),
  karpathy: listed('dataset_coco.json', karpathy, (file) => `coco:${file}`),
  flickr: listed('dataset_flickr30k.json', karpathy, (file) => `flickr:${file}`),
  // Its texts are class names.
  coop: listed(
    'split_zhou_X.json',
    (path, text) => ({
      train: [
        ['a.png', 0, 'good'],
        [path, 1, text],
      ],
      val: [],
      test: [],
    }),
    (file) => `coop:${file}`,
  ),
};
const kinds = Object.keys(byPath);

async function opened(spec: string): Promise<{ dataset: ImageTextDataset; ids: string[]; reasons: string[] }> {
  const dataset = await openDataset(`${spec}?into=train`);
  const ids = dataset.splits.train!.map(({ id }) => id);
  return { dataset, ids, reasons: dataset.skipped.map(({ reason }) => reason) };
}
const tooLarge = 'it has 40000 × 40000 pixels, more than 100 million';
const notUtf8 = 'its text is not UTF-8; convert it, for example with iconv';
const long = 'word '.repeat(2000).trim();

describe.each(kinds)('%s', (kind) => {
  const format = byPath[kind]!;

  it('skips a path that climbs out of the folder, though there is an image', async () => {
    for (const path of ['../outside.png', join(folder, 'outside.png'), 'sub/../../outside.png']) {
      const { ids, reasons } = await opened(await format(path, 'bad'));
      expect([ids, reasons]).toEqual([
        ['a.png'],
        [
          `its path leads out of ${join(folder, 'data')}; name a folder that such paths may lead to with ?root=DIR behind --data`,
        ],
      ]);
    }
  });

  it('skips an image of 40,000 × 40,000 pixels by its header', async () => {
    await put(folder, 'data/huge.png', hugePng());
    const { ids, reasons } = await opened(await format('huge.png', 'bad'));
    expect([ids, reasons]).toEqual([['a.png'], [tooLarge]]);
  });

  it('refuses to decode an image that became so large after it was listed', async () => {
    await put(folder, 'data/b.png');
    const { dataset, ids } = await opened(await format('b.png', 'fine'));
    expect(ids).toEqual(['a.png', 'b.png']);
    await put(folder, 'data/b.png', hugePng());
    await expect(dataset.load(dataset.splits.train![1]!)).rejects.toThrow(/^b\.png: expected an image of at most 100/);
  });

  it('cuts a text of 10 kB between words', async () => {
    await put(folder, 'data/b.png');
    const { dataset } = await opened(await format('b.png', long));
    const { captions } = dataset.splits.train![1]!;
    expect(captions.length).toBeGreaterThan(0);
    for (const caption of captions) {
      expect(caption.length).toBeLessThanOrEqual(1000);
      expect(caption).toMatch(/word$/);
    }
  });

  it('skips a text that is not UTF-8, and keeps the others', async () => {
    await put(folder, 'data/b.png');
    const { ids, reasons } = await opened(await format('b.png', 'caf\xe9', 'latin1'));
    expect([ids, reasons]).toEqual([['a.png'], [notUtf8]]);
  });
});

describe('folders', () => {
  it('skips an image below a name that is not UTF-8', async () => {
    await put(folder, 'data/good/1.png');
    const bad = Buffer.concat([Buffer.from(join(folder, 'data', 'caf')), Buffer.from([0xe9])]);
    await mkdir(bad);
    await writeFile(Buffer.concat([bad, Buffer.from('/1.png')]), await imageFile());
    await rm(join(folder, 'data/a.png'));
    const { ids, reasons } = await opened(`folder:${folder}/data`);
    expect(ids).toEqual(['good/1.png']);
    expect(reasons).toEqual(['its name is not UTF-8; rename it']);
  });

  it('refuses class names that are not UTF-8', async () => {
    const file = await put(folder, 'data/classes.txt', encoded('owl\ncaf\xe9\n', 'latin1'));
    await expect(openDataset(`folder:${folder}/data`)).rejects.toThrow(`${file}: expected UTF-8`);
    await expect(openDataset(`folder:${folder}/data?classes=${file}`)).rejects.toThrow('expected UTF-8');
  });
});

describe('tables', () => {
  it.each([
    ['csv', 'where,text\nhere,x\n'],
    ['tsv', 'where\ttext\nhere\tx\n'],
    ['jsonl', '{"where": "here", "text": "x"}\n'],
  ])('%s: names the columns where that of images is missing', async (kind, content) => {
    const file = await put(folder, `data/x.${kind}`, content);
    await expect(openDataset(`${kind}:${file}`)).rejects.toThrow(
      `${basename(file)}: no column of images; it has where, text`,
    );
    await expect(openDataset(`${kind}:${file}?image=where&text=txt`)).rejects.toThrow(
      'no column txt; it has where, text; did you mean text?',
    );
  });
});

describe('wds', () => {
  it('refuses class names that are not UTF-8', async () => {
    const tar = pack();
    tar.entry({ name: 'a.png' }, await imageFile());
    tar.entry({ name: 'a.cls' }, '1');
    tar.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(chunk as Buffer);
    const file = await put(folder, 'data/x.tar', Buffer.concat(chunks));
    await put(folder, 'data/classnames.txt', encoded('owl\ncaf\xe9\n', 'latin1'));
    await expect(openDataset(`wds:${file}`)).rejects.toThrow('classnames.txt: expected UTF-8');
  });
});

describe('parquet', () => {
  it('skips an image of 40,000 × 40,000 pixels and a text that is not UTF-8, and cuts one of 10 kB', async () => {
    // PyArrow wrote it: make-cards.py beside it.
    await copyFile('fixtures/data/hard.parquet', join(folder, 'hard.parquet'));
    const { dataset, ids } = await opened(`parquet:${folder}/hard.parquet`);
    expect(ids).toEqual(['hard.parquet/row 0', 'hard.parquet/row 3']);
    expect(dataset.splits.train!.map(({ captions }) => captions)).toEqual([['good'], [long.slice(0, 999)]]);
    expect(dataset.skipped.map(({ id, reason }) => [id, reason])).toEqual([
      ['hard.parquet/row 1', tooLarge],
      ['hard.parquet/row 2', notUtf8],
    ]);
  });
});
