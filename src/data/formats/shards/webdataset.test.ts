import { spawnSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hugePng, imageFile, put } from '../../../test/images.fixture.js';
import { Unpacked } from '../../images/unpacked.js';
import { openDataset, shardsOf } from '../../index.js';
import { expandBraces } from './shards.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-wds-'));
  vi.stubEnv('PROMPTKD_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A tar file of members, as img2dataset's writer packs them. */
async function tarOf(members: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(members)) tar.entry({ name }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What img2dataset writes of one image. */
const sample = async (key: string, caption: string, colour?: string, type: 'jpeg' | 'png' | 'webp' = 'jpeg') => ({
  [`${key}.${type === 'jpeg' ? 'jpg' : type}`]: await imageFile(colour, type),
  [`${key}.txt`]: caption,
  [`${key}.json`]: JSON.stringify({ caption: 'not this one', url: 'https://example.com', key, status: 'success' }),
});

const colourOf = ({ data }: { data: Uint8Array }) =>
  [...data.subarray(0, 3)].map((value) => Math.round(value / 16) * 16);

describe('WebDataset shards', () => {
  it('reads images of plain and gzipped shards from any place, in any order', async () => {
    const first = { ...(await sample('000000000', 'a red card')), ...(await sample('000000001', 'green', '#20c040')) };
    await writeFile(join(folder, '00000.tar'), await tarOf(first));
    const second = { ...(await sample('000000000', 'blue', '#2040c0', 'webp')), '1.png': await imageFile('#f0f0f0') };
    await writeFile(join(folder, '00001.tar'), gzipSync(await tarOf(second)));
    const spec = `wds:${folder}/{00000..00001}.tar?into=train`;
    const dataset = await openDataset(spec);
    const { splits, skipped, load, classes } = dataset;
    expect(splits).toEqual({
      train: [
        { id: '00000.tar/000000000', captions: ['a red card'] },
        { id: '00000.tar/000000001', captions: ['green'] },
        { id: '00001.tar/000000000', captions: ['blue'] },
        { id: '00001.tar/1', captions: [] },
      ],
    });
    expect([skipped, classes]).toEqual([[], []]);
    const colours = await Promise.all(
      [...splits.train!].reverse().map(async (example) => colourOf(await load(example))),
    );
    expect(colours).toEqual([
      [240, 240, 240],
      [32, 64, 192],
      [32, 192, 64],
      [192, 64, 32],
    ]);
    expect(shardsOf(dataset, splits.train!)).toEqual(Int32Array.from([0, 0, 1, 1]));
    // The index comes from the cache; it is read anew when the shard changes.
    expect((await openDataset(spec)).splits).toEqual(splits);
    await writeFile(join(folder, '00000.tar'), await tarOf(await sample('9', 'new')));
    expect((await openDataset(spec)).splits.train).toHaveLength(3);
  });

  it.each(['gnu', 'pax', 'ustar'])(
    'reads what tar --format=%s writes, with long names, classes and splits',
    async (format) => {
      const key = `${'deep/'.repeat(format === 'ustar' ? 8 : 40)}one`;
      await put(folder, `data/${key}.PNG`);
      await put(folder, `data/${key}.cls`, '1\n');
      for (const split of ['train', 'test']) {
        const to = await put(folder, `shards/${split}-0.tar`, '');
        const { status, stderr } = spawnSync('tar', [`--format=${format}`, '-cf', to, '-C', join(folder, 'data'), '.']);
        expect([status, `${stderr}`]).toEqual([0, '']);
      }
      await put(folder, 'shards/classnames.txt', 'owl\nred fox\n');
      const { splits, classes, load } = await openDataset(`wds:${folder}/shards`);
      expect(classes.map(({ name }) => name)).toEqual(['owl', 'red fox']);
      const captions = ['a photo of a red fox', 'red fox'];
      expect(splits).toEqual({
        test: [{ id: `test-0.tar/${key}`, label: 1, captions, captionsMade: true }],
        train: [{ id: `train-0.tar/${key}`, label: 1, captions, captionsMade: true }],
      });
      expect(colourOf(await load(splits.test![0]!))).toEqual([192, 64, 32]);
    },
  );

  it('keeps what stands before the cut of a shard that is cut short', async () => {
    const whole = await tarOf({ ...(await sample('a', 'first')), ...(await sample('b', 'second')) });
    for (const [name, content] of [
      ['plain.tar', whole],
      ['zipped.tar.gz', gzipSync(whole)],
    ] as const) {
      await writeFile(join(folder, name), content);
      await truncate(join(folder, name), name === 'plain.tar' ? 4000 : content.length - 40);
      const { splits, skipped } = await openDataset(`wds:${folder}/${name}?into=train`);
      expect(splits.train!.map(({ captions }) => captions[0])).toContain('first');
      expect(skipped).toHaveLength(1);
      expect(skipped[0]!.reason).toMatch(/the shard ends or breaks here, after \d images: .*(end|Unexpected)/i);
    }
  });

  it('skips what it cannot use and says why', async () => {
    const members = {
      ...(await sample('good', 'fine')),
      ...(await sample('../../evil', 'out')),
      ...(await sample('bytes', 'caf\uFFFD')),
      'alone.txt': 'no image',
      'huge.png': hugePng(),
      'notes.md': '# notes',
      'broken.jpg': 'not an image',
    };
    await writeFile(join(folder, 'x.tar'), await tarOf(members));
    const { splits, skipped } = await openDataset(`wds:${folder}/x.tar`);
    expect(splits.train!.map(({ id }) => id)).toEqual(['x.tar/good']);
    expect(Object.fromEntries(skipped.map(({ id, reason }) => [id, reason]))).toEqual({
      'x.tar/../../evil': 'its path leads out of the archive',
      'x.tar/alone': 'there is no image (.jpg, .png, .webp) beside its text',
      'x.tar/huge': 'it has 40000 × 40000 pixels, more than 100 million',
      'x.tar/notes.md': 'neither image, caption nor class',
      'x.tar/broken': 'Input buffer contains unsupported image format',
      'x.tar/bytes': 'its text is not UTF-8; convert it, for example with iconv',
    });
  });

  it('cuts a caption of 10 kB, and skips one that is not UTF-8', async () => {
    const latin = { ...(await sample('b', '')), 'b.txt': Buffer.from('caf\xe9', 'latin1') };
    await writeFile(join(folder, 'x.tar'), await tarOf({ ...(await sample('a', 'x'.repeat(10_000))), ...latin }));
    const { splits, skipped } = await openDataset(`wds:${folder}/x.tar`);
    expect(splits.train!.map(({ captions }) => captions)).toEqual([['x'.repeat(1000)]]);
    expect(skipped.map(({ id }) => id)).toEqual(['x.tar/b']);
  });

  it('refuses a shard that is missing or no tar file', async () => {
    await writeFile(join(folder, 'x.tar'), Buffer.from(await readFile(import.meta.filename)));
    await expect(openDataset(`wds:${folder}/{0..1}.tar`)).rejects.toThrow('0.tar: no such file or folder');
    await expect(openDataset(`wds:${folder}/x.tar`)).rejects.toThrow(
      /found none that can be used; x\.tar: .*tar header/,
    );
    await expect(openDataset(`wds:${folder}/{0..9999999}.tar`)).rejects.toThrow('expected at most 100000 files');
  });
});

it.each([
  ['a/{008..011}.tar', 'a/008.tar a/009.tar a/010.tar a/011.tar'],
  ['{b,c}-{1..0}', 'b-1 b-0 c-1 c-0'],
  ['plain{x}', 'plain{x}'],
])('expands the braces of %s', (text, expected) => expect(expandBraces(text).join(' ')).toBe(expected));

describe('shards as people bring them', () => {
  const write = async (name: string, members: Readonly<Record<string, string | Uint8Array>>) =>
    writeFile(join(folder, name), await tarOf(members));
  const captions = async (spec: string) => {
    const { splits } = await openDataset(`${spec}?into=train`);
    return Object.fromEntries(splits.train!.map(({ id, captions }) => [id, captions]));
  };

  it('reads one caption a line, what an empty text leaves to the JSON, keys with dots, and members that are apart', async () => {
    const image = await imageFile();
    await write('x.tar', {
      'five.jpg': image,
      'empty.jpg': image,
      'v1.0.photo.jpg': image,
      'pair.left.jpg': image,
      'pair.right.png': image,
      'word.jpg': image,
      '._word.jpg': 'litter',
      'five.txt': 'one\ntwo\r\n\nthree\n',
      'empty.txt': '\n',
      'empty.json': '{"caption": "from the JSON"}',
      'v1.0.photo.txt': 'dotted',
      'pair.txt': 'both',
      'word.caption.txt': 'named',
    });
    expect(await captions(`wds:${folder}/x.tar`)).toEqual({
      'x.tar/five': ['one', 'two', 'three'],
      'x.tar/empty': ['from the JSON'],
      'x.tar/v1.0.photo': ['dotted'],
      'x.tar/pair.left': ['both'],
      'x.tar/pair.right': ['both'],
      'x.tar/word': ['named'],
    });
    expect((await openDataset(`wds:${folder}/x.tar`)).skipped).toEqual([]);
  });

  it('reads classes by number, of which two have one name, by name, and out of the JSON', async () => {
    const image = await imageFile();
    await write('x.tar', {
      ...{ 'a.jpg': image, 'a.cls': '2' },
      ...{ 'b.jpg': image, 'b.json': '{"label": 0}' },
      ...{ 'c.jpg': image, 'c.cls': '-1' },
      ...{ 'd.jpg': image, 'd.cls': '7' },
    });
    await put(folder, 'classnames.txt', 'crane \nlion\ncrane\n');
    const { classes, splits, remarks } = await openDataset(`wds:${folder}/x.tar?into=train`);
    expect(classes.map(({ name }) => name)).toEqual(['crane', 'lion', 'crane']);
    expect(splits.train!.map(({ label }) => label)).toEqual([2, 0, undefined, undefined]);
    expect(remarks!.map(({ message }) => message)).toEqual([
      'class names that stand for another class, too; they stay apart',
      'images whose label is below 0: taken as unlabelled',
      'images whose label is beyond the 3 classes: taken as unlabelled',
    ]);
  });

  it('mentions an empty shard beside others, and takes names with stars', async () => {
    await write('0.tar', await sample('a', 'one'));
    await writeFile(join(folder, '1.tar'), '');
    const { splits, skipped } = await openDataset(`wds:${folder}/*.tar`);
    expect(splits.train).toHaveLength(1);
    expect(skipped).toEqual([{ id: '1.tar', reason: 'the shard is empty: it has 0 bytes' }]);
  });

  it('refuses what unpacks to many times its size, and more shards than anybody has', async () => {
    const members = { 'a.jpg': await imageFile(), 'a.txt': 'x', 'b.bin': Buffer.alloc(20 * 2 ** 20) };
    await writeFile(join(folder, 'x.tar.gz'), gzipSync(await tarOf(members)));
    const { splits, skipped } = await openDataset(`wds:${folder}/x.tar.gz`);
    expect([splits.train!.length, skipped.at(-1)!.reason]).toEqual([
      1,
      expect.stringContaining('it unpacks to more than 20 times'),
    ]);
    await expect(openDataset(`wds:${folder}/{0..99999}{0..99999}.tar`)).rejects.toThrow(
      'at most 100000 files, got 10000000000',
    );
    expect([...new Set(expandBraces('{a,{b,c}}{1..2}'))].sort()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2']);
  });

  it('makes an unpacked copy again that is not as it was written, and works without a cache', async () => {
    const cache = join(folder, 'cache', 'packs');
    const data = await tarOf({ ...(await sample('a', 'one')), ...(await sample('b', 'two', '#2040c0')) });
    await writeFile(join(folder, 'x.tar.gz'), gzipSync(data));
    const spec = `wds:${folder}/x.tar.gz?into=train`;
    const first = await openDataset(spec);
    const bin = join(cache, (await readdir(cache)).find((name) => name.endsWith('.bin'))!);
    const index = bin.replace('.bin', '.json');
    const same = async () => {
      const again = await openDataset(spec);
      expect(again).toMatchObject({ splits: first.splits, fingerprint: first.fingerprint });
      expect(await Promise.all(again.splits.train!.map(async (one) => colourOf(await again.load(one))))).toEqual([
        [192, 64, 32],
        [32, 64, 192],
      ]);
    };
    const flipped = async (file: string, at: number) => {
      const bytes = await readFile(file);
      bytes[at]! ^= 1;
      await writeFile(file, bytes);
    };
    await flipped(bin, 700);
    await same();
    await truncate(bin, 3000);
    await same();
    await rm(bin);
    await same();
    await flipped(index, 200);
    await same();
    // An image that is damaged after it was opened is no bad image: the copy is.
    const opened = await openDataset(spec);
    await flipped(bin, 700);
    await expect(opened.load(opened.splits.train![0]!)).rejects.toThrow('was damaged and is removed: run again');
    await same();
    vi.stubEnv('PROMPTKD_CACHE', await put(folder, 'no-folder', 'x'));
    await same();
  });

  it('keeps nothing of what could not be written whole', async () => {
    await writeFile(join(folder, 'x.tar.gz'), gzipSync(await tarOf(await sample('a', 'one'))));
    const write = vi.spyOn(Unpacked.prototype as unknown as { begin(): Promise<FileHandle> }, 'begin');
    write.mockImplementation(() => open('/dev/full', 'w'));
    const spec = `wds:${folder}/x.tar.gz`;
    await expect(openDataset(spec)).rejects.toThrow(
      'no space left on the disk; name another folder with PROMPTKD_CACHE',
    );
    write.mockRestore();
    expect((await openDataset(spec)).splits.train).toHaveLength(1);
  });
});

it('takes an image with more dots and no text of its own for a part of the sample, not for a sample', async () => {
  const image = await imageFile();
  const members = { '0.jpg': image, '0.seg.png': image, '0.txt': 'one', '1.left.jpg': image, '1.txt': 'two' };
  await put(folder, 's.tar', await tarOf({ ...members, '2.jpg': image, '2.json': '{"meta":{"caption":"three"}}' }));
  const { splits, skipped } = await openDataset(`wds:${folder}/s.tar`);
  expect(splits.train!.map(({ id, captions }) => [id, captions])).toEqual([
    ['s.tar/0', ['one']],
    ['s.tar/1.left', ['two']],
    ['s.tar/2', ['three']],
  ]);
  expect(skipped).toEqual([{ id: 's.tar/0.seg', reason: 'it belongs to the image 0, and has no text of its own' }]);
});
