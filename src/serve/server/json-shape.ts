import { badRequest } from './fault.js';

const [quote, backslash] = [0x22, 0x5c];
/** Levels of lists and objects; a request needs two. */
const maxDepth = 8;

/**
 * Counts what a JSON text is made of before anything is made of it: its strings may be long, as images are, but a body of
 * the allowed size would otherwise hold millions of numbers, or levels enough to exhaust the stack.
 *
 * @param most values, fields and levels of them counted too
 * @throws Fault where there are more, or they lie too deep
 */
export function checkShape(json: Buffer, most: number): void {
  let [depth, count] = [0, 0];
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case quote:
        at = endOfString(json, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > maxDepth) throw badRequest(`expected lists and objects of at most ${maxDepth} levels`);
        count++;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x2c: // ,
        count++;
        break;
      default:
        continue;
    }
    if (count > most) throw badRequest(`expected at most ${most} values in all`);
  }
}

/** Where the string that begins at `start` ends. */
function endOfString(json: Buffer, start: number): number {
  for (let at = start + 1; ; ) {
    const end = json.indexOf(quote, at);
    if (end < 0) return json.length;
    let slashes = 0;
    while (json[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end;
    at = end + 1;
  }
}
