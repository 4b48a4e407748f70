// A folder of photo-like images with classes, made for benchmarks: no real photographs.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { openDataset } from '../dist/data/index.js';
import { Random } from '../dist/math/random.js';

/** Folder name of each class, and the concept of the built-in drawings that stands on its images. */
const subjects = {
  airplane: 'airplane',
  bicycle: 'bicycle',
  bird: 'bird',
  bus: 'bus',
  cat: 'cat face',
  elephant: 'elephant',
  guitar: 'guitar',
  horse: 'horse face',
  snake: 'snake',
  turtle: 'turtle',
};
/** A class's share of all images, and the drawings that stand on them: `val` and `test` show others than `train`. */
const splits = {
  train: { share: 4 / 60, drawings: 'train' },
  val: { share: 1 / 60, drawings: 'style' },
  test: { share: 1 / 60, drawings: 'test' },
};
const [width, height] = [128, 112];
const grain = (() => {
  const random = new Random('class-photos', 'grain');
  return Uint8Array.from({ length: 2 * width * height * 3 }, () => 118 + random.int(20));
})();

/**
 * JPEGs of 128 × 112, or of `pixels` × `pixels`: a drawing, turned, off its place and in changed light, before a blurred background
 * of related colours, with noise over all. `train/cat/000.jpg`, …; ten classes, `all` images. What is there is left as it is.
 */
export async function makeClassPhotos(folder, { all = 3600, pixels } = {}) {
  const emoji = await openDataset('emoji');
  for (const [split, { share, drawings: from }] of Object.entries(splits)) {
    const count = Math.round(share * all);
    for (const [name, concept] of Object.entries(subjects)) {
      const own = join(folder, split, name);
      mkdirSync(own, { recursive: true });
      const label = emoji.classes.findIndex((one) => one.name === concept);
      const drawings = await Promise.all(
        emoji.splits[from].filter((one) => one.label === label).map((one) => emoji.load(one)),
      );
      for (let i = 0; i < count; i++) {
        const file = join(own, `${String(i).padStart(3, '0')}.jpg`);
        if (!existsSync(file)) await photo(drawings, new Random('class-photos', split, name, i), file, pixels);
      }
    }
  }
}

async function photo(drawings, random, file, pixels) {
  const { data, ...raw } = random.pick(drawings);
  const size = 84 + random.int(26);
  const light = { brightness: random.uniform(0.8, 1.15), saturation: random.uniform(0.7, 1.1) };
  const turned = await sharp(data, { raw })
    .ensureAlpha()
    .resize(size, size, { fit: 'contain', background: '#0000' })
    .rotate(random.int(25) - 12, { background: '#0000' })
    .modulate({ ...light, hue: random.int(17) - 8 })
    .resize({ width: height, height, fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer({ resolveWithObject: true });
  const base = [0, 1, 2].map(() => 130 + random.int(110));
  const colours = Uint8Array.from({ length: 5 * 4 * 3 }, (_, k) => Math.min(255, base[k % 3] + random.int(50) - 25));
  const background = await sharp(colours, { raw: { width: 5, height: 4, channels: 3 } })
    .resize(width, height, { kernel: 'cubic', fit: 'fill' })
    .png()
    .toBuffer();
  const from = random.int(width * height * 3);
  const noise = grain.subarray(from, from + width * height * 3);
  const whole = sharp(background).composite([
    {
      ...{ input: turned.data, left: Math.round((width - turned.info.width) * random.uniform(0.25, 0.75)) },
      top: random.int(1 + height - turned.info.height),
    },
    { input: noise, raw: { width, height, channels: 3 }, blend: 'soft-light' },
  ]);
  // Made small at the end: sharp would resize before it composes.
  const made = pixels ? sharp(await whole.png().toBuffer()).resize(pixels, pixels, { fit: 'fill' }) : whole;
  await made.jpeg({ quality: pixels ? 95 : 80 }).toFile(file);
}
