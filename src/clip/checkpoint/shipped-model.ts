import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closest, UserError } from '../../errors.js';

const scheme = 'promptkd:';

/**
 * The folder of a model that comes with the package and is asked for by name, as `promptkd:emoji-teacher`. Any other name stays
 * as it is.
 *
 * @throws UserError for a name that no shipped model has
 */
export function shippedModel(name: string): string {
  if (!name.startsWith(scheme)) return name;
  const folder = fileURLToPath(new URL('../../../models/', import.meta.url));
  const known = existsSync(folder)
    ? readdirSync(folder).filter((one) => existsSync(join(folder, one, 'config.json')))
    : [];
  const asked = name.slice(scheme.length);
  if (known.includes(asked)) return join(folder, asked);
  const near = closest(asked, known);
  const names = known.map((one) => scheme + one).join(', ');
  throw new UserError(`${name}: expected one of ${names}${near ? `; did you mean ${scheme}${near}?` : ''}`);
}
