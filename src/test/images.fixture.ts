import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/** An image of one colour, 20 × 10, as a file's bytes. */
export const imageFile = (colour = '#c04020', type: 'png' | 'jpeg' | 'webp' = 'png'): Promise<Buffer> =>
  sharp({ create: { width: 20, height: 10, channels: 3, background: colour } })
    .toFormat(type)
    .toBuffer();

/** Writes a file below a folder, and the folders it needs; without content, an image. */
export async function put(folder: string, path: string, content?: string | Uint8Array): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content ?? (await imageFile()));
  return file;
}

/** A PNG that says it has 40,000 × 40,000 pixels and holds none of them. */
export function hugePng(): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40, 8, 2, 0, 0, 0]);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(new Uint8Array(0))),
    chunk('IEND', new Uint8Array(0)),
  ]);
}
