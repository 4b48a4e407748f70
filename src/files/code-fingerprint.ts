import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from './fingerprint.js';

const known = new Map<string, string>();

/**
 * A checksum of this package's code as it runs here: two checkouts of one version may differ.
 *
 * @param room one folder of it; left out: all
 */
export function codeFingerprint(room = ''): string {
  const before = known.get(room);
  if (before !== undefined) return before;
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', room);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(js|ts)$/.test(name) && !name.startsWith('web'))
    .sort();
  const made = hash(files.map((name) => `${name}\n${readFileSync(join(root, name), 'utf8')}`).join('\n'));
  known.set(room, made);
  return made;
}
