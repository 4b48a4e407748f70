import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Example, ImageSource, ImageTextDataset } from '../dataset.js';

/** Two images of the same bytes. */
export interface SameImages {
  readonly id: string;
  /** The one in the other part of the data. */
  readonly as: string;
}

/**
 * Images of one part of a data set that are byte for byte in another one, too: then the one says nothing of images that
 * were not seen. Only files of the same length are read. Data whose images are made, not read, is taken at its word.
 */
export async function sameImages(
  dataset: ImageTextDataset,
  part: readonly Example[],
  other: readonly Example[],
): Promise<SameImages[]> {
  if (!dataset.source) return [];
  const bySize = new Map<number, Example[]>();
  for (const example of other) {
    const size = await sizeOf(dataset.source(example));
    if (size !== undefined) bySize.set(size, [...(bySize.get(size) ?? []), example]);
  }
  const sums = new Map<string, Promise<string | undefined>>();
  const sumOf = (example: Example) => {
    const known = sums.get(example.id) ?? sum(dataset.source!(example));
    sums.set(example.id, known);
    return known;
  };
  const found: SameImages[] = [];
  for (const example of part) {
    const size = await sizeOf(dataset.source(example));
    const alike = (size === undefined ? undefined : bySize.get(size)) ?? [];
    for (const candidate of alike) {
      const own = await sumOf(example);
      if (own === undefined || own !== (await sumOf(candidate))) continue;
      found.push({ id: example.id, as: candidate.id });
      break;
    }
  }
  return found;
}

/** Bytes of an image; undefined where its file cannot be read, which whoever decodes it says. */
async function sizeOf({ file, part }: ImageSource): Promise<number | undefined> {
  if (part) return part.bytes;
  return (await stat(file).catch(() => undefined))?.size;
}

async function sum({ file, part }: ImageSource): Promise<string | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const bytes = part?.bytes ?? (await handle.stat()).size;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, part?.offset ?? 0);
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
  } finally {
    await handle.close();
  }
}
