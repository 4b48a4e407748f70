import { createRequire } from 'node:module';
import { UserError } from '../errors.js';

const require = createRequire(import.meta.url);

/**
 * What a package exports that is installed only where it is needed (an optional peer dependency: large data for a few commands).
 *
 * @param path the package, or a file of it, as in `import`
 * @param use what cannot be done without it, as the beginning of a sentence
 * @param packages all that this needs, for one install
 * @throws UserError with what to install where the package is missing
 */
export function optionalPackage(path: string, use: string, packages: readonly string[]): unknown {
  try {
    return require(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new UserError(`${use} need packages that are not installed: npm install ${packages.join(' ')}`);
  }
}
