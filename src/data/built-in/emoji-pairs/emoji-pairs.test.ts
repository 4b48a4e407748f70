import { describe, expect, it } from 'vitest';
import { long } from '../../../test/long.fixture.js';
import { openDataset } from '../../index.js';
import { attributes } from './attributes.js';
import { objects } from './objects.js';
import { allPairs } from './pairs.js';

const dataset = await openDataset('emoji-pairs');
const { classes, splits } = dataset;

describe('built-in compositional classes', () => {
  it('are fixed: classes, sizes of the splits, images', async () => {
    expect([objects.length, attributes.length, classes.length]).toEqual([48, 12, 576]);
    expect(new Set(classes.map(({ name }) => name)).size).toBe(576);
    expect(Object.entries(splits).map(([name, { length }]) => [name, length])).toEqual([
      ['train', 17280],
      ['val', 2160],
      ['test', 2592],
      ['novel', 2592],
      ['style', 2160],
    ]);
    const again = await openDataset('emoji-pairs');
    expect([again.fingerprint, again.splits]).toEqual([dataset.fingerprint, splits]);
    expect(await again.load(splits.novel![7]!)).toEqual(await dataset.load(splits.novel![7]!));
  });

  it('have novel pairs whose attribute and object are both seen, but never together', () => {
    const seen = new Set(['train', 'val', 'test', 'style'].flatMap((split) => splits[split]!.map((e) => e.label!)));
    const pairs = allPairs();
    const novel = pairs.filter((pair) => pair.novel);
    expect(novel).toHaveLength(144);
    for (const pair of novel) {
      expect(seen.has(pairs.indexOf(pair))).toBe(false);
      const base = pairs.filter((other) => !other.novel);
      expect(base.filter((other) => other.object === pair.object)).toHaveLength(9);
      expect(base.filter((other) => other.attribute === pair.attribute)).toHaveLength(36);
    }
  });

  it('keep training images of novel pairs aside, of drawings that training shows', async () => {
    const { aside, load } = dataset;
    expect(aside!.train).toHaveLength(144 * 40);
    expect(aside!.train!.every(({ label }) => classes[label!]!.novel)).toBe(true);
    const ids = new Set(splits.train!.map(({ id }) => id));
    expect(aside!.train!.some(({ id }) => ids.has(id))).toBe(false);
    expect(await load(aside!.train![7]!)).toMatchObject({ width: 64, height: 64 });
  });

  it('show no drawing of val, test and style in train', async () => {
    const emoji = await openDataset('emoji');
    const artists = (split: string) => new Set(splits[split]!.map(({ artist }) => artist));
    expect([...artists('style')].filter((artist) => artists('train').has(artist))).toEqual([]);
    expect(artists('train').size).toBeGreaterThanOrEqual(5);
    expect(emoji.splits.style!.some(({ artist }) => artists('style').has(artist))).toBe(true);
  });

  it.each([
    ['red cactus', [214, 40, 40]],
    ['blue lemon', [40, 90, 220]],
  ])('paint a %s', async (name, [r, g, b]) => {
    const label = classes.findIndex((c) => c.name === name);
    const example = Object.values(splits)
      .flat()
      .find((e) => e.label === label)!;
    const { data } = await dataset.load(example);
    const close = Array.from({ length: 64 * 64 }, (_, i) => i * 3).filter(
      (i) => Math.abs(data[i]! - r!) + Math.abs(data[i + 1]! - g!) + Math.abs(data[i + 2]! - b!) < 120,
    );
    expect(close.length).toBeGreaterThan(100);
  });

  // Drawing emoji-wide takes a minute and a half the first time.
  it.each(['emoji-pairs-scenes', ...(long ? ['emoji-all'] : [])])(
    'are trained on in %s without novel pairs, and measured as here',
    async (name) => {
      const all = await openDataset(name);
      const novel = classes.flatMap(({ novel, name }) => (novel ? [name] : []));
      const named = new RegExp(`(^| )(${novel.join('|')})( |,|$)`);
      const captions = new Set(all.splits.train!.flatMap((example) => example.captions));
      const shown = [...captions].filter((caption) => named.test(caption));
      expect(shown).toEqual([]);
      expect(all.splits.train!.filter(({ id }) => id.startsWith('scenes/')).length).toBeGreaterThan(4000);
      expect(await all.load(all.splits.train!.at(-1)!)).toHaveProperty('width', name === 'emoji-all' ? 64 : 128);
      const [first, own] = [all.splits.novel![7]!, splits.novel![7]!];
      expect([first.label, await all.load(first)]).toEqual([own.label, await dataset.load(own)]);
    },
  );
});
