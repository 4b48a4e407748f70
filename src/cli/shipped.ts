import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path of a file or folder that comes with the package, short where it lies below the working folder. */
export function shipped(path: string): string {
  const absolute = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const near = relative(process.cwd(), absolute);
  return near.startsWith('..') ? absolute : near;
}
