import { expect, it } from 'vitest';
import { openDataset, type RawImage } from '../../index.js';
import { outlineOf } from './outline.js';

/** A square of 6 in an image of 12: its colour, and how opaque it is. */
function square(rgb: readonly number[], alpha: number): RawImage {
  const data = new Uint8Array(12 * 12 * 4);
  for (let y = 3; y < 9; y++) for (let x = 3; x < 9; x++) data.set([...rgb, alpha], (y * 12 + x) * 4);
  return { width: 12, height: 12, channels: 4, data };
}
const ink = ({ data }: RawImage, x: number, y: number) => data[(y * 12 + x) * 4 + 3];

it('draws contours black, and nothing where all is of one colour', () => {
  const lines = outlineOf(square([200, 0, 0], 255));
  expect([ink(lines, 3, 6), ink(lines, 8, 6), ink(lines, 6, 2)]).toEqual([255, 255, 255]);
  expect([ink(lines, 6, 6), ink(lines, 0, 0), ink(lines, 11, 6)]).toEqual([0, 0, 0]);
  expect(lines.data.filter((_, i) => i % 4 < 3).every((value) => value === 0)).toBe(true);
});

it('draws a faint step in grey, and none for what is transparent or white', () => {
  const faint = ink(outlineOf(square([235, 235, 235], 255)), 3, 6)!;
  expect(faint).toBeGreaterThan(20);
  expect(faint).toBeLessThan(100);
  for (const blank of [square([0, 0, 0], 0), square([255, 255, 255], 255)])
    expect(outlineOf(blank).data.every((value) => value === 0)).toBe(true);
});

it('emoji?drawn= shows outlines in place of the drawings, or beside them', async () => {
  const [plain, outlines, both] = await Promise.all(
    ['emoji', 'emoji?drawn=outlines', 'emoji?drawn=both'].map((spec) => openDataset(spec)),
  );
  const drawing = plain!.splits.test![0]!;
  const outline = outlines!.splits.test![0]!;
  expect(outline).toEqual({ ...drawing, id: `outline/${drawing.id}` });
  expect(await outlines!.load(outline)).toEqual(outlineOf(await plain!.load(drawing)));
  expect(both!.splits.test!.length).toBe(2 * plain!.splits.test!.length);
  expect(await both!.load(drawing)).toEqual(await plain!.load(drawing));
  expect(new Set([plain, outlines, both].map((dataset) => dataset!.fingerprint)).size).toBe(3);
  await expect(openDataset('emoji?drawn=lines')).rejects.toThrow('drawn: expected outlines or both, got lines');
  await expect(openDataset('emoji-pairs?drawn=both')).rejects.toThrow('unknown option drawn; expected none');
});
