import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { readJsonAs, writeFileAtomic } from '../files/index.js';

/** All ways to store embeddings. */
export const embedFormats = ['npy', 'parquet'] as const;
/** How embeddings are stored. */
export type EmbedFormat = (typeof embedFormats)[number];

const schema = z.object({
  version: z.literal(1),
  /** The model as it was named. */
  model: z.string(),
  /** Of its weights. */
  fingerprint: z.string(),
  preprocess: z.string(),
  /** Numbers of an embedding. */
  width: z.int().positive(),
  format: z.enum(embedFormats),
  dtype: z.enum(['f16', 'f32']),
  /** Whether captions are embedded, too. */
  texts: z.boolean(),
  /** The embedding of `probeText`, by which the model is known again; a visual student has none. */
  probe: z.array(z.number()).optional(),
  /** Names of the data sets that it may hold images of. */
  datasets: z.array(z.string()).min(1),
});

/** What a folder of embeddings was made by. */
export type EmbedManifest = z.infer<typeof schema>;

export const EMBED_MANIFEST = 'embed.json';

/**
 * What a folder of embeddings was made by.
 *
 * @throws UserError naming the file and the field where it is damaged; undefined where there is none
 */
export async function readEmbedManifest(folder: string): Promise<EmbedManifest | undefined> {
  const path = join(folder, EMBED_MANIFEST);
  if (!existsSync(path)) return undefined;
  return readJsonAs(path, schema);
}

export const writeEmbedManifest = (folder: string, manifest: EmbedManifest): Promise<void> =>
  writeFileAtomic(join(folder, EMBED_MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);

/**
 * Whether what is there and what is to be added can stand together.
 *
 * @throws UserError naming the first thing in which they differ
 */
export function checkSameKind(folder: string, there: EmbedManifest, wanted: EmbedManifest): void {
  const words = {
    fingerprint: 'another model',
    preprocess: 'another preprocessing',
    width: 'embeddings of another width',
    format: 'another format',
    dtype: 'another number format',
    texts: 'other choice of texts',
  } as const;
  const field = (Object.keys(words) as (keyof typeof words)[]).find((name) => there[name] !== wanted[name]);
  if (!field) return;
  const [was, is] = field === 'fingerprint' ? [there.model, wanted.model] : [there[field], wanted[field]];
  throw new UserError(
    `${folder}: holds embeddings of ${words[field]} (was ${was}, is ${is}): give another folder, or --overwrite to replace them`,
  );
}
