import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { cannotRead, refuseDevice } from './faults.js';

/** The bytes of a file. @throws UserError naming the file where it cannot be read, or is a device, which may never end */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    refuseDevice(await stat(path));
    return await readFile(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** {@link readBytes} for what must not wait. */
export function readBytesSync(path: string): Buffer {
  try {
    refuseDevice(statSync(path));
    return readFileSync(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}
