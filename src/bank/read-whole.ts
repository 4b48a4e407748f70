import { UserError } from '../errors.js';
import { checksum, readBytesSync, readSafetensors, type Safetensors } from '../files/index.js';

/**
 * Tensors of a bank's file, of which the checksum is known.
 *
 * @throws UserError where the file is missing, or is another than was written
 */
export function readWhole(path: string, sum: string): Safetensors {
  const bytes = readBytesSync(path);
  if (checksum(bytes) !== sum) {
    throw new UserError(
      `${path}: expected the file that the bank was saved with, got another or a part of it: copy the bank again, or forget the task`,
    );
  }
  return readSafetensors(bytes, { raw: (name) => name === 'replay.pixels' });
}
