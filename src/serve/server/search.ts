import type { z } from 'zod';
import { checkProbe, probeText, type SearchIndex } from '../../embed/index.js';
import { UserError } from '../../errors.js';
import { jsonOrNothing } from '../../files/index.js';
import type { Rows } from '../../math/index.js';
import { badRequest, Fault } from './fault.js';
import type { Served } from './generation.js';
import type { Schemas } from './requests.js';

/** @throws UserError where what is searched was embedded by none of the models */
export async function checkSearched(index: SearchIndex, models: ReadonlyMap<string, Served>): Promise<void> {
  const { folder } = index;
  let fault: UserError | undefined;
  for (const { name, model } of models.values()) {
    fault = await model.textRows([probeText]).then(
      (probe) => faultOf(() => checkProbe(folder, index.manifest, probe, name)),
      (error: unknown) => (error instanceof UserError ? error : Promise.reject(error)),
    );
    if (!fault) return;
  }
  throw fault ?? new UserError(`${folder}: expected a model to search it with`);
}

function faultOf(check: () => void): UserError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** The nearest images of each image, then of each text. @throws Fault where there is nothing to search */
export async function search(
  { name, model }: Served,
  files: readonly Uint8Array[],
  { texts, top }: z.infer<Schemas['search']>,
  index: SearchIndex | undefined,
  signal: AbortSignal,
): Promise<object> {
  if (!index) throw new Fault(404, 'no_search', 'this server searches no images: start it with --search FOLDER');
  if (files.length + texts.length === 0) throw badRequest('expected images or texts, got neither');
  const [images, words] = await Promise.all([
    files.length > 0 ? model.images(files, signal) : undefined,
    model.textRows([...texts, probeText], signal),
  ]);
  const queries = await checked(index, words, images, name);
  const results = await index.nearest(queries, top);
  return {
    model: name,
    results: results.map((hits) =>
      // Others may have written the table: its captions are what is a list.
      hits.map(({ captions, ...hit }) => ({ ...hit, captions: [jsonOrNothing(captions)].flat().filter(isText) })),
    ),
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** Images and texts in one, once it is known that this model embedded what is searched. */
async function checked(index: SearchIndex, words: Rows, images: Rows | undefined, name: string): Promise<Rows> {
  const { width } = words;
  const texts = words.count - 1;
  const probe = { data: words.data.subarray(texts * width), count: 1, width };
  const fault = faultOf(() => checkProbe(index.folder, index.manifest, probe, name));
  if (fault) throw badRequest(`model: ${name} is not the one that the images were embedded by`);
  const count = (images?.count ?? 0) + texts;
  const data = new Float32Array(count * width);
  if (images) data.set(images.data);
  data.set(words.data.subarray(0, texts * width), (count - texts) * width);
  return { data, count, width };
}
