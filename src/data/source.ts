import { open } from 'node:fs/promises';
import { UserError } from '../errors.js';
import type { Picture, PictureSource } from './dataset.js';
import { type DecodeOptions, decodePicture } from './decode.js';

/**
 * Reads and decodes a picture.
 *
 * @param id names it in errors
 * @throws UserError where it cannot be read
 */
export async function readPicture(
  { file, part }: PictureSource,
  id: string,
  options: DecodeOptions = {},
): Promise<Picture> {
  if (!part) return decodePicture(file, id, options);
  const handle = await open(file).catch((error: Error) => {
    throw new UserError(`${id}: ${file} cannot be opened: ${error.message}`);
  });
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(part.bytes), 0, part.bytes, part.offset);
    return await decodePicture(buffer.subarray(0, bytesRead), id, options);
  } finally {
    await handle.close();
  }
}
