import type { z } from 'zod';
import { closest, UserError } from './errors.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** For a custom issue whose message says all, also what came. */
export const wholeSentence = { wholeSentence: true };

/**
 * A zod issue as one sentence: field, what was expected, what came. The schema is to be asked with `reportInput`.
 *
 * @param known fields of the object that was checked, for a mistyped one
 * @param fieldOf how a path is written; by default with dots
 */
export function describeIssue(given: Issue, known: readonly string[] = [], fieldOf = dotted): string {
  const issue = innermost(given);
  if (issue.code === 'unrecognized_keys') {
    const field = issue.keys[0]!;
    const near = closest(field, known);
    const hint = near ? `; did you mean ${near}?` : known.length > 0 ? `; known here: ${known.join(', ')}` : '';
    return `unknown field ${brief(fieldOf([...issue.path, field]))}${hint}`;
  }
  const field = brief(fieldOf(issue.path)) || 'content';
  if (issue.code === 'custom' && issue.params?.wholeSentence) return `${field}: ${issue.message}`;
  const near = issue.code === 'invalid_value' && closestValue(issue);
  return `${field}: ${expectedBy(issue)}, got ${show(issue.input)}${near ? `; did you mean ${near}?` : ''}`;
}

/** {@link describeIssue} of a file's field. */
export function issueError(issue: Issue, file: string, parent?: string): UserError {
  const path = [...(parent === undefined ? [] : [parent]), ...issue.path];
  return new UserError(`${file}: ${describeIssue({ ...issue, path })}`);
}

/**
 * Holds what a caller without types gave to a call's fields.
 *
 * @param fields of the call by name; a field that is not among them is refused
 * @param call how the call is named in errors
 * @throws UserError that names the field, what was expected and what came
 */
export function checkFields(call: string, fields: z.ZodObject, given: unknown): void {
  const { error } = fields.strict().safeParse(given, { reportInput: true });
  if (!error) return;
  // A mistyped name is the reason why a field is missing.
  const issue = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0]!;
  throw new UserError(`${call}: ${describeIssue(issue, Object.keys(fields.shape))}`);
}

/** Of a union that names no expectation of its own: the option that got furthest, or what all of them expect. */
function innermost(issue: Issue): Issue {
  if (issue.code !== 'invalid_union' || issue.message !== 'Invalid input') return issue;
  const options = issue.errors.flatMap(([first]) => first ?? []);
  const furthest = options.find(({ path }) => path.length > 0);
  if (furthest) return innermost({ ...furthest, path: [...issue.path, ...furthest.path] });
  const expected = options.map((option) => expectedBy(option).replace(/^expected:? /, ''));
  return { ...issue, message: `expected ${expected.join(' or ')}` };
}

/** What the schema wanted: its own words where it has some, ours for zod's. */
function expectedBy(issue: Issue): string {
  const zods = /^(Invalid|Too (small|big))\b/.test(issue.message);
  if (zods) {
    switch (issue.code) {
      case 'too_small':
        return `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${amount(issue.minimum, issue.origin)}`;
      case 'too_big':
        return `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${amount(issue.maximum, issue.origin)}`;
      case 'invalid_value':
        if (issue.values.length > 1) return `expected one of ${issue.values.map(String).join(', ')}`;
        break;
      case 'invalid_format':
        if (issue.pattern !== undefined) return `expected text that matches ${issue.pattern}`;
    }
  }
  const message = issue.message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');
  return message.startsWith('expected') ? message : `expected: ${message}`;
}

/** `1 item`, `3 characters`, or the number alone. */
function amount(count: number | bigint, origin: string): string {
  const unit = { string: 'character', array: 'item' }[origin];
  return unit === undefined ? `${count}` : `${count} ${unit}${Number(count) === 1 ? '' : 's'}`;
}

function closestValue({ values, input }: z.core.$ZodIssueInvalidValue): string | undefined {
  return typeof input === 'string' && values.length > 1 ? closest(input, values.map(String)) : undefined;
}

const dotted = (path: Path) => path.join('.');

/** Most characters of what came that an error repeats. */
const shown = 60;

/** A text as it stands in an error: at most 60 characters. */
export function brief(text: string): string {
  return text.length > shown ? `${text.slice(0, shown - 3)}...` : text;
}

/** A value as it stands in an error: at most 60 characters, however large it is. */
export function show(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return brief(JSON.stringify(cut(value, 3)) ?? 'nothing');
}

/** The beginning of a value, enough to fill what is shown. */
function cut(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.slice(0, shown + 1);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return depth === 0 ? [] : value.slice(0, shown).map((item) => cut(item, depth - 1));
  const fields = depth === 0 ? [] : Object.keys(value).slice(0, shown);
  return Object.fromEntries(
    fields.map((name) => [name.slice(0, shown + 1), cut((value as Record<string, unknown>)[name], depth - 1)]),
  );
}
