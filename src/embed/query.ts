import { UserError } from '../errors.js';
import { embedTexts } from '../evaluate/index.js';
import { preprocessImage } from '../loader/index.js';
import { dot, type Rows } from '../math/index.js';
import { imageEncoder, type Model } from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import type { EmbedManifest } from './manifest.js';

type Engine = Pick<CompileOptions, 'device' | 'threads'>;

/** What a store's probe is the embedding of: by it a model is known again, also quantised or exported. */
export const probeText = 'a photo';

/** Rounding to 8 bits or fewer turns an embedding by less; another model, also of the same family, by far more. */
const leastCosine = 0.95;

/**
 * Embeds what is sought: an image file by its path or bytes.
 *
 * @returns one unit row
 * @throws UserError where it cannot be read
 */
export async function imageQuery(model: Model, image: string | Uint8Array, options: Engine = {}): Promise<Rows> {
  const data = await preprocessImage(image, model.preprocess);
  const { size } = model.preprocess;
  const encoder = await imageEncoder(model, 1, options);
  try {
    const { data: row } = await encoder.run({ shape: [1, 3, size, size], data });
    return { data: Float32Array.from(row as Float32Array), count: 1, width: row.length };
  } finally {
    await encoder.dispose();
  }
}

/**
 * Embeds what is sought: texts.
 *
 * @returns unit rows
 * @throws UserError for a visual student, which has no text tower
 */
export const textQuery = (model: Model, texts: readonly string[], options: Engine = {}): Promise<Rows> =>
  embedTexts(model, texts, options);

/**
 * Whether a model is the one that a store was embedded by, by its embedding of a text.
 *
 * @param probe its unit row of {@link probeText}
 * @throws UserError where it is not
 */
export function checkProbe(folder: string, manifest: EmbedManifest, probe: Rows, name: string): void {
  if (!manifest.probe) return;
  const { width } = manifest;
  const same = { data: Float32Array.from(manifest.probe), count: 1, width };
  if (probe.width === width && dot(probe, 0, same, 0) >= leastCosine) return;
  throw new UserError(
    `${folder}: was embedded by ${manifest.model}, and ${name} embeds otherwise: use that model, or embed anew with this one`,
  );
}
