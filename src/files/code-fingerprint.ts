import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hash } from './fingerprint.js';

let known: string | undefined;

/** A checksum of all code of this package as it runs here: two checkouts of one version may differ. */
export function codeFingerprint(): string {
  if (known) return known;
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(js|ts)$/.test(name) && !name.startsWith('web'))
    .sort();
  known = hash(files.map((name) => `${name}\n${readFileSync(join(root, name), 'utf8')}`).join('\n'));
  return known;
}
