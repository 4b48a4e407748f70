import { describe, expect, it } from 'vitest';
import { type Box, type Example, openDataset } from '../../index.js';

const dataset = await openDataset('emoji-scenes');
const { classes, splits } = dataset;
const all = Object.values(splits).flat();
const numbers: Record<string, number> = { a: 1, an: 1, one: 1, two: 2, three: 3, four: 4 };

/** The boxes of the first group that a caption names, and those of the second. */
function groups({ captions, boxes }: Example): [Box[], Box[]] {
  const first = numbers[captions[0]!.split(' ')[0]!]!;
  return [boxes!.slice(0, first), boxes!.slice(first)];
}

describe('built-in scenes', () => {
  it('is fixed: sizes of the splits, ids, scenes', async () => {
    expect(Object.entries(splits).map(([name, { length }]) => [name, length])).toEqual([
      ['train', 5000],
      ['val', 500],
      ['test', 1000],
      ['novel', 500],
    ]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const again = await openDataset('emoji-scenes');
    expect([again.fingerprint, again.splits]).toEqual([dataset.fingerprint, splits]);
    const [example] = splits.test!;
    expect(await again.load(example!)).toEqual(await dataset.load(example!));
  });

  it('describes every scene five ways, with one to four things', () => {
    const wrong = all.filter(({ captions, boxes }) => {
      const total = captions[4]!.split(' ')[0]!;
      return new Set(captions).size !== 5 || numbers[total] !== boxes!.length;
    });
    expect(wrong).toEqual([]);
    expect(new Set(all.map(({ boxes }) => boxes!.length))).toEqual(new Set([1, 2, 3, 4]));
  });

  it('keeps every box in the image, and novel classes in their own split', () => {
    for (const [split, examples] of Object.entries(splits)) {
      const boxes = examples.flatMap((example) => example.boxes!);
      const inside = ({ at: [x, y, w, h] }: Box) => x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 1 && y + h <= 1;
      expect(boxes.every(inside)).toBe(true);
      expect(boxes.every(({ label }) => classes[label]!.novel === (split === 'novel'))).toBe(true);
    }
  });

  it.each([
    [' left of ', 0],
    [' above ', 1],
  ])('means it when a caption says%s', (words, axis) => {
    const related = all.filter(({ captions }) => captions[0]!.includes(words));
    expect(related.length).toBeGreaterThan(500);
    const wrong = related.filter((example) => {
      const [first, second] = groups(example);
      const end = Math.max(...first.map(({ at }) => at[axis]! + at[axis + 2]!));
      return first.length === 0 || second.length === 0 || end > Math.min(...second.map(({ at }) => at[axis]!));
    });
    expect(wrong).toEqual([]);
  });

  it('draws things where their boxes say, in the paint that the caption names', async () => {
    const isRed = ({ captions, boxes }: Example) => boxes!.length === 1 && /^a red .* white snow$/.test(captions[0]!);
    const red = splits.train!.filter(isRed).slice(0, 5);
    expect(red).toHaveLength(5);
    for (const example of red) {
      const { data, width, height, channels } = await dataset.load(example);
      expect([width, height, channels]).toEqual([128, 128, 3]);
      const [{ at }] = example.boxes as [Box];
      const [left, top, w, h] = at.map((share) => share * 128) as [number, number, number, number];
      let reddish = 0;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [r, g] = data.subarray((y * width + x) * 3);
          if (r! - g! < 60) continue;
          reddish++;
          expect(x >= left && x < left + w && y >= top && y < top + h).toBe(true);
        }
      }
      expect(reddish).toBeGreaterThan(0.05 * w * h);
    }
  });
});
