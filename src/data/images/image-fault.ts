import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { MAX_PIXELS } from '../../clip/index.js';

/** Why an image cannot be used, as far as its header says; undefined where it can. */
export async function imageFault(from: string | Uint8Array): Promise<string | undefined> {
  try {
    const { width, height } = await sharp(from, { limitInputPixels: false, failOn: 'truncated' }).metadata();
    if (width * height <= MAX_PIXELS) return undefined;
    return `it has ${width} × ${height} pixels, more than ${MAX_PIXELS / 1e6} million`;
  } catch (error) {
    return (await startFault(from)) ?? (error as Error).message.split('\n')[0]!;
  }
}

/** What a file that is no image is instead, where that is known by its first bytes. */
async function startFault(from: string | Uint8Array): Promise<string | undefined> {
  const start = Buffer.from(typeof from === 'string' ? await firstBytes(from) : from.subarray(0, looked));
  const text = start.toString('latin1').trimStart();
  if (start.length === 0) return 'it has 0 bytes';
  if (start.every((byte) => byte === 0)) return 'it holds zeros: a download that was not finished, or a damaged disk';
  if (text.startsWith('version https://git-lfs'))
    return 'a pointer of Git LFS in its place: fetch it with git lfs pull';
  if (/^<(!doctype|html|\?xml version)/i.test(text)) return 'it is a web page, as servers send in place of an image';
  return undefined;
}

const looked = 64;

async function firstBytes(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(looked), 0, looked, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
