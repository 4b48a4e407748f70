import { UserError } from '../../errors.js';
import { floatToHalf } from '../../files/index.js';

/**
 * Writes a teacher's values as fp16, in which they are stored.
 *
 * @param what they are, for the message
 * @param remedy what to set instead
 * @throws UserError where one is not finite in fp16: above 65,504 it would be stored as infinity, and the loss be NaN
 */
export function storeHalf(what: string, values: Float32Array, out: Uint16Array, remedy: string): void {
  floatToHalf(values, out);
  const bad = out.findIndex((bits) => (bits & 0x7c00) === 0x7c00);
  if (bad < 0) return;
  throw new UserError(
    `teacher: ${what}: expected values within ±65,504, the most that stored targets hold (fp16), got ${values[bad]}: ${remedy}`,
  );
}
