import { describe, expect, it } from 'vitest';
import { openDataset } from '../../index.js';
import { editions } from './editions.js';
import { wideEmojiIndex } from './split.js';

const dataset = await openDataset('emoji');
const { classes, splits } = dataset;
const all = Object.values(splits).flat();

describe('built-in emoji', () => {
  it('has every drawing once, in one split', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(dataset.skipped).toEqual([]);
  });

  it('tests on at least 1,000 drawings', () => {
    for (const split of ['test', 'novel', 'style'])
      expect([split, splits[split]!.length >= 1000]).toEqual([split, true]);
  });

  it('keeps novel concepts and one artist out of training', () => {
    const unseen = new Set(editions.filter((e) => e.unseen).map((e) => e.artist));
    expect(unseen.size).toBe(1);
    for (const split of ['train', 'val', 'test']) {
      expect(splits[split]!.filter(({ label, artist }) => classes[label!]!.novel || unseen.has(artist!))).toEqual([]);
    }
    expect(splits.novel!.every(({ label }) => classes[label!]!.novel)).toBe(true);
    expect(splits.style!.every(({ artist, label }) => unseen.has(artist!) && !classes[label!]!.novel)).toBe(true);
  });

  it('trains and tests on every base concept', () => {
    const base = classes.flatMap(({ novel }, label) => (novel ? [] : [label]));
    for (const split of ['train', 'test', 'style']) {
      expect(new Set(splits[split]!.map(({ label }) => label)).size).toBe(base.length);
    }
  });

  it('describes every drawing by its CLDR name, five ways', () => {
    const wrong = all.filter(({ label, captions }) => {
      const named = captions.filter((caption) => caption.includes(classes[label!]!.name));
      return new Set(named).size !== 5 || captions.length !== 5;
    });
    expect(wrong).toEqual([]);
    expect(new Set(classes.map(({ name }) => name)).size).toBe(classes.length);
  });

  it('decodes every drawing: none is empty, none is all of one colour', async () => {
    const blank: string[] = [];
    for (const example of all) {
      const { width, height, channels, data } = await dataset.load(example);
      const pixels = new Uint32Array(Uint8Array.from(data).buffer);
      if (channels !== 4 || pixels.length !== width * height || pixels.every((pixel) => pixel === pixels[0]))
        blank.push(example.id);
    }
    expect(blank).toEqual([]);
  });

  it('opens as the same set again', async () => {
    const again = await openDataset('emoji');
    expect(again.fingerprint).toBe(dataset.fingerprint);
    expect(again.splits).toEqual(splits);
  });
});

describe('wide emoji', () => {
  // Chosen, not rendered: that is the built-in set's business, and takes its time.
  const { splits: wide, svgs } = wideEmojiIndex();
  const ids = (examples: readonly { readonly id: string }[]) => examples.map(({ id }) => id);

  it('trains on what emoji trains on, and on thousands of drawings of other concepts', () => {
    const train = new Set(ids(wide.train!));
    expect(train.size).toBe(wide.train!.length);
    expect(ids(splits.train!).every((id) => train.has(id))).toBe(true);
    expect(train.size).toBeGreaterThan(3 * splits.train!.length);
    expect(wide.val).toEqual(splits.val);
  });

  it('trains on nothing that is tested, nor on a copy of it', () => {
    const held = new Set(ids([...splits.val!, ...splits.test!, ...splits.style!, ...splits.novel!]));
    expect(ids(wide.train!).filter((id) => held.has(id))).toEqual([]);
    expect(new Set(Object.values(svgs)).size).toBe(Object.keys(svgs).length);
    const unseen = new Set(editions.filter((e) => e.unseen).map((e) => e.artist));
    expect(wide.train!.filter(({ artist }) => unseen.has(artist!))).toEqual([]);
  });

  it('trains on no concept that shares its name with a novel one', () => {
    const novel = new Set(classes.filter((c) => c.novel).map(({ name }) => name));
    const named = wide.train!.filter(({ captions }) => captions.some((caption) => novel.has(caption)));
    expect(named).toEqual([]);
  });
});
