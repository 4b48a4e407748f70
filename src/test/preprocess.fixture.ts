import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openClipPreprocess } from '../clip/preprocess/openclip-preprocess.js';
import type { PreprocessConfig } from '../clip/preprocess/preprocess-config.js';
import { parsePreprocessConfig } from '../clip/preprocess/processor-config.js';

/** Images, and what Pillow makes of them: see `make.py` there. */
export const folder = 'fixtures/preprocess';

interface Made {
  readonly size: number;
  readonly sha256: string;
  readonly row: string;
}

const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

export const golden = json('golden.json') as Record<string, Record<string, Made>>;

type Published = { readonly hf: object } | { readonly openclip: object; readonly image_size: number };

/** Configurations as they stand in published models. */
export const configs: Readonly<Record<string, PreprocessConfig>> = Object.fromEntries(
  Object.entries(json('configs.json') as Record<string, Published>).map(([name, given]) => [
    name,
    'hf' in given
      ? parsePreprocessConfig(given.hf, name)
      : openClipPreprocess(given.openclip, given.image_size, name, 'preprocess_cfg'),
  ]),
);

/** Pixels as a model takes them [3, S, S], back to levels from 0 to 255 [S, S, 3]; refused where they are not whole. */
export function levelsOf(pixels: ArrayLike<number>, { size, mean, std, rescale }: PreprocessConfig): Uint8Array {
  const area = size * size;
  return Uint8Array.from({ length: 3 * area }, (_, at) => {
    const c = at % 3;
    const level = (pixels[c * area + Math.floor(at / 3)]! * std[c]! + mean[c]!) / rescale;
    if (Math.abs(level - Math.round(level)) > 1e-3) throw new Error(`expected a whole level at ${at}, got ${level}`);
    return Math.round(level);
  });
}

/** What is to be compared of an entry's pixels and of Pillow's: where one level differs, the sum does. */
export function digest(pixels: ArrayLike<number>, config: PreprocessConfig): Made {
  const levels = levelsOf(pixels, config);
  const row = Math.floor(config.size / 2) * config.size * 3;
  return {
    size: config.size,
    sha256: createHash('sha256').update(levels).digest('hex'),
    row: Buffer.from(levels.subarray(row, row + config.size * 3)).toString('hex'),
  };
}
