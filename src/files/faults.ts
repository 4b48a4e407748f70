import { UserError } from '../errors.js';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  EISDIR: 'expected a file, got a folder',
  EEXIST: 'expected a folder, or nothing yet; got a file',
  ENOTDIR: 'expected a folder, got a file',
  ENOSPC: 'no space left on the disk',
};

/** Why the file system refused, in words, where that is for the user to mend; undefined for any other error. */
export function fileFault(error: unknown): string | undefined {
  return reasons[(error as NodeJS.ErrnoException).code ?? ''];
}

/** What to throw where a file or folder cannot be written, naming it and not what stands in for it meanwhile. */
export function cannotWrite(path: string, error: unknown): UserError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new UserError(`${path}: cannot be written: ${fileFault(error) ?? code ?? message}`);
}

/** What to throw where a file cannot be read. */
export function cannotRead(path: string, error: unknown): UserError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new UserError(`${path}: ${fileFault(error) ?? `cannot be read (${code ?? message})`}`);
}
