import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { UserError } from '../errors.js';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  EISDIR: 'expected a file, got a folder',
  EEXIST: 'expected a folder, or nothing yet; got a file',
  ENOTDIR: 'expected a folder, got a file',
  ENOTEMPTY: 'expected an empty folder',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'larger than the file system, or ulimit -f, allows',
  EIO: 'the disk reports an error',
  ENXIO: 'expected a file, got a device or a socket that nobody answers',
  EBUSY: 'in use by another program',
  ETXTBSY: 'in use by another program',
  ELOOP: 'too many links that lead to each other',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files: allow more with ulimit -n',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'not enough memory',
  EINVAL: 'the system does not take this name or operation',
  EDEVICE: 'expected a file, got a device',
  ESPECIAL: 'expected a file, or nothing yet; got a device, a pipe or a socket',
  ERR_INVALID_ARG_VALUE: 'the name holds a null character',
  ERR_FS_FILE_TOO_LARGE: 'expected a file of at most 2 GiB',
  ERR_STRING_TOO_LONG: 'expected a text of at most 512 MB',
};

/** Why the file system refused, in words, where that is for the user to mend; undefined for any other error. */
export function fileFault(error: unknown): string | undefined {
  // V8 says so without a code.
  if (error instanceof RangeError && error.message === 'Invalid string length') return reasons.ERR_STRING_TOO_LONG;
  return reasons[(error as NodeJS.ErrnoException).code ?? ''];
}

/** What to throw where a file or folder cannot be written, naming it and not what stands in for it meanwhile. */
export function cannotWrite(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error; // it names what it is about already
  const { code, message } = error as NodeJS.ErrnoException;
  return new UserError(`${path}: cannot be written: ${fileFault(error) ?? code ?? message}`);
}

/** What to throw where a file cannot be read. */
export function cannotRead(path: string, error: unknown): UserError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new UserError(`${path}: ${fileFault(error) ?? `cannot be read (${code ?? message})`}`);
}

/**
 * Fails, as the file system would, for a device: a link in somebody's folder may lead to one that never ends. Pipes may be read.
 *
 * @throws Error of code EDEVICE
 */
export function refuseDevice(info: Pick<Stats, 'isCharacterDevice' | 'isBlockDevice'>): void {
  if (info.isCharacterDevice() || info.isBlockDevice()) throw Object.assign(new Error('a device'), { code: 'EDEVICE' });
}

/**
 * Fails for what a renamed file would take the place of: a device, as `/dev/null` where somebody wants no output, a pipe or a socket.
 *
 * @throws UserError naming the path
 */
export async function refuseSpecial(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (!info || info.isFile() || info.isDirectory()) return;
  throw cannotWrite(path, Object.assign(new Error('no file'), { code: 'ESPECIAL' }));
}
