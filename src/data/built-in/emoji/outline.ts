import type { ImageTextDataset, RawImage } from '../../dataset.js';

/** How the drawings of a built-in set are shown: as their contours, or both as they are and as their contours. */
export const drawnAs = ['outlines', 'both'] as const;
export type DrawnAs = (typeof drawnAs)[number];

/** A step between white and black, as Sobel's filter counts it, and the share of it that is drawn fully black. */
const fullStep = 4 * 255;
const blackFrom = 0.35;

/**
 * The contours of an image as black lines on a transparent ground: Sobel's gradient of the image on white, the largest
 * of the three channels, so that colours which are equally bright are told apart too. Outside of the image it is white.
 *
 * @returns RGBA of the same size
 */
export function outlineOf({ width, height, channels, data }: RawImage): RawImage {
  const onWhite = new Float32Array((width + 2) * (height + 2) * 3).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels;
      const to = ((y + 1) * (width + 2) + x + 1) * 3;
      const alpha = channels === 4 ? data[from + 3]! / 255 : 1;
      for (let c = 0; c < 3; c++) onWhite[to + c] = 255 - alpha * (255 - data[from + c]!);
    }
  }
  const lines = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const strongest = gradientAt(onWhite, width + 2, x, y);
      lines[(y * width + x) * 4 + 3] = Math.round(255 * Math.min(1, strongest / fullStep / blackFrom));
    }
  }
  return { width, height, channels: 4, data: lines };
}

/** Length of Sobel's gradient about (x + 1, y + 1), of the channel where it is longest. */
function gradientAt(rgb: Float32Array, width: number, x: number, y: number): number {
  let strongest = 0;
  for (let c = 0; c < 3; c++) {
    const at = (dx: number, dy: number) => rgb[((y + dy) * width + x + dx) * 3 + c]!;
    const across = at(2, 0) - at(0, 0) + 2 * (at(2, 1) - at(0, 1)) + at(2, 2) - at(0, 2);
    const down = at(0, 2) - at(0, 0) + 2 * (at(1, 2) - at(1, 0)) + at(2, 2) - at(2, 0);
    strongest = Math.max(strongest, Math.hypot(across, down));
  }
  return strongest;
}

const mark = 'outline/';

/**
 * A data set of drawings shown otherwise, in every split: `outlines` has each drawing's contours in its place, `both` has
 * them beside it. A contour's id is the drawing's behind `outline/`.
 */
export function withOutlines(dataset: ImageTextDataset, drawn: DrawnAs): ImageTextDataset {
  const splits = Object.entries(dataset.splits).map(([split, examples]) => {
    const outlines = examples.map((example) => ({ ...example, id: `${mark}${example.id}` }));
    return [split, drawn === 'both' ? [...examples, ...outlines] : outlines] as const;
  });
  return {
    ...dataset,
    name: `${dataset.name}?drawn=${drawn}`,
    splits: Object.fromEntries(splits),
    fingerprint: `${dataset.fingerprint}-${drawn}`,
    async load(example) {
      if (!example.id.startsWith(mark)) return dataset.load(example);
      return outlineOf(await dataset.load({ ...example, id: example.id.slice(mark.length) }));
    },
  };
}
