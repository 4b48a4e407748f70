import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { UserError } from '../../errors.js';
import { fileFault } from '../../files/index.js';
import type { ImageSource, RawImage } from '../dataset.js';
import { type DecodeOptions, decodeImage } from './decode.js';
import { ImageError } from './image-error.js';

/** Of an image's bytes in a shard or in the cache. */
export const checksum = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('base64').slice(0, 12);

/**
 * Reads and decodes an image.
 *
 * @param id names it in errors
 * @throws ImageError where it cannot be read or decoded, and UserError where the cache's copy of it is damaged, which is
 * no fault of the image: the copy is removed, so that the next run makes it again
 */
export async function readImage(
  { file, part }: ImageSource,
  id: string,
  options: DecodeOptions = {},
): Promise<RawImage> {
  if (!part) return decodeImage(file, id, options);
  const handle = await open(file).catch((error: Error) => {
    throw new ImageError(id, `${file} cannot be opened: ${fileFault(error) ?? error.message}`);
  });
  let content: Buffer;
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(part.bytes), 0, part.bytes, part.offset);
    content = buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
  if (part.sum !== undefined && checksum(content) !== part.sum) {
    await rm(file, { force: true });
    throw new UserError(
      `${id}: ${file}, an unpacked copy in the cache, was damaged and is removed: run again, and it is made again`,
    );
  }
  return decodeImage(content, id, options);
}
