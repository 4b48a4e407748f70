import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { fileFault } from '../files/index.js';
import type { Picture, PictureSource } from './dataset.js';
import { type DecodeOptions, decodePicture } from './decode.js';
import { PictureError } from './picture-error.js';

/** Of an image's bytes in a shard or in the cache. */
export const checksum = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('base64').slice(0, 12);

/**
 * Reads and decodes a picture.
 *
 * @param id names it in errors
 * @throws PictureError where it cannot be read or decoded, and UserError where the cache's copy of it is damaged, which is
 * no fault of the picture: the copy is removed, so that the next run makes it again
 */
export async function readPicture(
  { file, part }: PictureSource,
  id: string,
  options: DecodeOptions = {},
): Promise<Picture> {
  if (!part) return decodePicture(file, id, options);
  const handle = await open(file).catch((error: Error) => {
    throw new PictureError(id, `${file} cannot be opened: ${fileFault(error) ?? error.message}`);
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
  return decodePicture(content, id, options);
}
