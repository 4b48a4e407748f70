import { UserError } from '../../errors.js';
import { floatToHalf } from '../../files/index.js';

/**
 * Refuses a teacher's values that cannot be stored.
 *
 * @param what they are, for the message
 * @param remedy what to set instead
 * @param asHalves as fp16: what is above 65,504 would be stored as infinity, and the loss be NaN
 * @throws UserError where one is not finite as it would be stored
 */
export function checkStorable(what: string, values: Float32Array, remedy: string, asHalves = true): void {
  const most = asHalves ? 65_520 : Number.POSITIVE_INFINITY; // rounded to 65,504 below
  const bad = values.findIndex((value) => !(Math.abs(value) < most));
  if (bad < 0) return;
  const expected = asHalves ? 'values within ±65,504, the most that stored targets hold (fp16)' : 'finite values';
  throw new UserError(`teacher: ${what}: expected ${expected}, got ${values[bad]}: ${remedy}`);
}

/** Writes a teacher's values as fp16, in which they are stored: see {@link checkStorable}. */
export function storeHalf(what: string, values: Float32Array, out: Uint16Array, remedy: string): void {
  checkStorable(what, values, remedy);
  floatToHalf(values, out);
}
