import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { HostTensor } from '../tensor/index.js';
import { cannotRead } from './faults.js';

/** SHA-256 of a model's parameters: names, shapes and bytes in order of names. */
export function hashParams(params: Readonly<Record<string, HostTensor>>): string {
  const sum = createHash('sha256');
  for (const name of Object.keys(params).sort()) {
    const { shape, data } = params[name]!;
    sum.update(`${name} ${shape.join(',')}\n`);
    sum.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return sum.digest('hex').slice(0, 32);
}

/** Whole SHA-256 of an array's bytes, for what is written to a disk. */
export function checksum({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}

/** Whole SHA-256 of a file. @throws UserError naming the file where it cannot be read */
export async function fileChecksum(path: string): Promise<string> {
  const sum = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), sum).catch((error) => {
    throw cannotRead(path, error);
  });
  return sum.digest('hex');
}

/** Short SHA-256 of a text. */
export function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
