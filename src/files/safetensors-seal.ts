import { createHash } from 'node:crypto';
import { UserError } from '../errors.js';

/** The field of the metadata that holds the checksum. */
const field = 'sha256';
/** What stands there while the checksum is made. */
const blank = '0'.repeat(64);

/** Metadata with room for the checksum of the file that it will stand in. */
export function withRoom(metadata: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...metadata, [field]: blank };
}

/** Puts the checksum of a file, header and data, into the room in its header. */
export function seal(head: Uint8Array, parts: Iterable<Uint8Array>): void {
  Buffer.from(head.buffer, head.byteOffset, head.length).write(sumOf(head, parts), placeOf(head, blank), 'latin1');
}

/**
 * Compares a file with the checksum in its header.
 *
 * @param head all bytes before the data; it is written to
 * @throws UserError where there is no checksum, or any bit of the file has changed
 */
export function checkSeal(
  head: Uint8Array,
  parts: Iterable<Uint8Array>,
  metadata: Readonly<Record<string, string>>,
  label: string,
): void {
  const kept = metadata[field];
  const place = kept?.length === blank.length ? placeOf(head, kept) : -1;
  if (place < 0)
    throw new UserError(`${label}: expected a checksum in its metadata: the file is damaged or of another version`);
  Buffer.from(head.buffer, head.byteOffset, head.length).write(blank, place, 'latin1');
  if (sumOf(head, parts) !== kept) {
    throw new UserError(`${label}: it is not as it was written, its checksum differs: the file is damaged`);
  }
}

function placeOf(head: Uint8Array, sum: string): number {
  const start = `"${field}":"`;
  const at = Buffer.from(head.buffer, head.byteOffset, head.length).indexOf(`${start}${sum}"`);
  return at < 0 ? -1 : at + start.length;
}

function sumOf(head: Uint8Array, parts: Iterable<Uint8Array>): string {
  const sum = createHash('sha256').update(head);
  for (const part of parts) sum.update(part);
  return sum.digest('hex');
}
