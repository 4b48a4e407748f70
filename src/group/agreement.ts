import { UserError } from '../errors.js';
import { type Group, gatherTexts } from './group.js';

/**
 * Makes sure that all processes of a group are about to do the same.
 *
 * @param fields what has to be the same, in the words of a message: `recipe`, `data`
 * @throws UserError in every process, naming the first rank and field that differ from the first process's
 */
export function agree(group: Group, fields: Readonly<Record<string, unknown>>): void {
  if (group.size === 1) return;
  const all = gatherTexts(group, JSON.stringify(flatten(fields))).map(
    (text) => JSON.parse(text) as Readonly<Record<string, string>>,
  );
  const first = all[0]!;
  for (const [rank, own] of all.entries()) {
    const field = Object.keys({ ...first, ...own }).find((name) => first[name] !== own[name]);
    if (field === undefined) continue;
    throw new UserError(
      `rank ${rank}: ${field} is ${own[field] ?? 'not there'}, rank 0 has ${first[field] ?? 'none'}: start all processes with the same command, files and versions`,
    );
  }
}

/** Leaves of a tree by path, as short texts. */
function flatten(value: unknown, path = ''): Record<string, string> {
  if (typeof value !== 'object' || value === null) {
    return value === undefined ? {} : { [path]: String(JSON.stringify(value)).slice(0, 200) };
  }
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flatten(inner, path ? `${path}.${key}` : key)),
  );
}
