import { distance } from 'fastest-levenshtein';

/** Bad input: the message says what was expected, what came and what to do. The CLI prints it alone and exits with code 2. */
export class UserError extends Error {
  override readonly name = 'UserError';
}

/** Somebody else is at it now: the same call may work later. Exit code 75, as `EX_TEMPFAIL` of sysexits.h. */
export class BusyError extends UserError {}

const longestMistyped = 100;

/** The option nearest to a mistyped name, or undefined where nothing is near enough to be a typing error. */
export function closest(name: string, options: readonly string[]): string | undefined {
  if (name.length > longestMistyped) return undefined; // comparing costs the product of the lengths
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const option of options) {
    const d = distance(name.toLowerCase(), option.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [option, d];
  }
  return best;
}
