import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';
import { readBytes } from '../files/index.js';

/** An image: a path, a `file:` URL, the bytes of a file, or a Blob (a File of a form, too). */
export type GivenImage = string | URL | Uint8Array | Blob;

/** The bytes of an image file. @throws UserError where there is no such file */
export async function imageBytes(source: GivenImage): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  const path = pathOf(source);
  return readBytes(path);
}

/** What an image is called in an error. */
export function imageName(source: GivenImage, place: number): string {
  return source instanceof Uint8Array || source instanceof Blob ? `images[${place}]` : pathOf(source);
}

function pathOf(source: string | URL): string {
  const address = source instanceof URL ? source : /^[a-z]{2,}:\/\//i.test(source) ? new URL(source) : undefined;
  if (!address) return String(source);
  if (address.protocol !== 'file:') {
    throw new UserError(`${address}: expected a path or bytes: addresses are not fetched; fetch it and give its bytes`);
  }
  return fileURLToPath(address);
}
