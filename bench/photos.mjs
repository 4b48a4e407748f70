// Images made for benchmarks, as files.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../dist/math/random.js';

/** JPEGs of 224×224, smooth colours with some noise, of about 15 kB, as photographs of that size have: `0000.jpg`, … */
export async function makePhotos(folder, count) {
  mkdirSync(folder, { recursive: true });
  const noise = new Random('photos');
  for (let i = 0; i < count; i++) {
    const coarse = Uint8Array.from({ length: 14 * 14 * 3 }, () => noise.int(256));
    const fine = Uint8Array.from(
      { length: 224 * 224 * 3 },
      (_, k) => 118 + (((k * 2654435761 + i * 40503) >>> 16) % 20),
    );
    const smooth = await sharp(coarse, { raw: { width: 14, height: 14, channels: 3 } })
      .resize(224, 224)
      .png()
      .toBuffer();
    await sharp(smooth)
      .composite([{ input: fine, raw: { width: 224, height: 224, channels: 3 }, blend: 'soft-light' }])
      .jpeg({ quality: 85 })
      .toFile(join(folder, `${String(i).padStart(4, '0')}.jpg`));
  }
}
