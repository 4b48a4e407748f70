import sharp from 'sharp';
import { onWhite } from '../../augment/index.js';
import type { RawImage } from '../../data/index.js';
import type { Inspection } from './inspect.js';

/**
 * An image with its anomaly map over it, and a line around what is called defective, as a PNG file.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 *
 * const inspector = openInspector(await loadDetector('runs/metal'));
 * const inspected = await inspectFile(inspector, 'part.png');
 * if (!('error' in inspected)) await writeFile('map.png', await heatMap(inspected.image, inspected.inspection));
 */
export async function heatMap(image: RawImage, { map, mask, width, height }: Inspection): Promise<Buffer> {
  const data = Uint8Array.from(onWhite(image));
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const heat = map[i]!;
      const [red, green, blue] = colourOf(heat);
      const share = 0.65 * Math.min(1, heat * 1.2);
      const edge = mask[i] && (!mask[i - 1] || !mask[i + 1] || !mask[i - width] || !mask[i + width]);
      const at = i * 3;
      data[at] = edge ? 255 : data[at]! * (1 - share) + red * share;
      data[at + 1] = edge ? 255 : data[at + 1]! * (1 - share) + green * share;
      data[at + 2] = edge ? 255 : data[at + 2]! * (1 - share) + blue * share;
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Blue, through yellow at the threshold, to red. */
function colourOf(heat: number): [number, number, number] {
  if (heat < 0.5) return [510 * heat, 510 * heat, 255 - 510 * heat];
  return [255, 255 * (2 - 2 * heat), 0];
}
