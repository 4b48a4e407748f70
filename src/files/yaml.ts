import { type CST, Parser, parseDocument } from 'yaml';
import { UserError } from '../errors.js';
import { brief } from '../schema-issue.js';

/** Characters of a file; a recipe has some thousands. */
const maxLength = 1_000_000;
/** Levels of lists and fields. */
const maxDepth = 50;
/** Values that aliases (`*a`) may make of those that stand there, one after the other: `a` of ten, `b` of ten `a`. */
const maxValues = 100_000;

/**
 * The value of a text in YAML.
 *
 * @param label names it in errors
 * @throws UserError where it is none, larger than a recipe, or its aliases make much of little or name what holds them
 */
export function parseYaml(text: string, label: string): unknown {
  const refuse = (what: string) => new UserError(`${label}: ${what}`);
  if (text.length > maxLength) throw refuse(`expected at most ${maxLength} characters, got ${text.length}`);
  if (isDeep(text)) throw refuse(`expected at most ${maxDepth} levels of lists and fields`);
  let value: unknown;
  try {
    const document = parseDocument(text, { logLevel: 'error' });
    const fault = document.errors[0];
    if (fault) throw refuse(`not valid YAML: ${fault.message.split('\n')[0]}`);
    value = document.toJS();
  } catch (error) {
    if (error instanceof UserError) throw error;
    // An alias of nothing, or more of them than the parser's own limit.
    throw refuse(`not valid YAML: ${brief((error as Error).message.split('\n')[0]!)}`);
  }
  const left = countDown(value, 0, maxValues);
  if (left === 'deep') throw refuse(`expected at most ${maxDepth} levels of lists and fields`);
  if (left < 0) throw refuse(`expected at most ${maxValues} values, aliases counted as what they stand for`);
  return value;
}

/**
 * Whether a text holds more levels than are allowed. The parser that makes values goes down them by calling itself, and Node
 * itself ends where the stack does; the one before it does not.
 */
function isDeep(text: string): boolean {
  let level: (CST.Token | null | undefined)[] = [...new Parser().parse(text)];
  for (let depth = 0; level.length > 0; depth++) {
    // A document is a level of its own.
    if (depth > maxDepth + 1) return true;
    level = level.flatMap((token) => {
      if (token?.type === 'document') return [token.value];
      if (!token || !('items' in token)) return [];
      return token.items.flatMap((item) => [item.key, item.value]);
    });
  }
  return false;
}

/** What is left of a number of values after those of a value; an alias of what holds it is deep without end. */
function countDown(value: unknown, depth: number, most: number): number | 'deep' {
  if (typeof value !== 'object' || value === null) return most - 1;
  if (depth === maxDepth) return 'deep';
  let left: number | 'deep' = most - 1;
  for (const part of Object.values(value)) {
    if (left === 'deep' || left < 0) return left;
    left = countDown(part, depth + 1, left);
  }
  return left;
}
