import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closest, UserError } from '../errors.js';

const scheme = 'promptkd:';

/**
 * The path of something that comes with the package and is asked for by name, as `promptkd:emoji-teacher`. Any other name
 * stays as it is.
 *
 * @param folder of the package, in which it lies
 * @param suffix of a path in that folder: what follows the name; the path is there where the name is known
 * @param kept the part of the suffix that belongs to the path which is returned
 * @throws UserError for a name that nothing there has, with the nearest
 */
export function shippedPath(name: string, folder: 'models' | 'recipes', suffix: string, kept = ''): string {
  if (!name.startsWith(scheme)) return name;
  const place = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));
  const entries = existsSync(place) ? readdirSync(place) : [];
  const known = entries
    .map((entry) => (kept !== '' && entry.endsWith(kept) ? entry.slice(0, -kept.length) : entry))
    .filter((one) => existsSync(join(place, one + suffix)));
  const asked = name.slice(scheme.length);
  if (known.includes(asked)) return join(place, asked + kept);
  const near = closest(asked, known);
  const names = known.map((one) => scheme + one).join(', ');
  throw new UserError(`${name}: expected one of ${names}${near ? `; did you mean ${scheme}${near}?` : ''}`);
}
