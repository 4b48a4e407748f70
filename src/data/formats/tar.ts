import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Extract, extract } from 'tar-stream';
import type { Skipped } from '../dataset.js';
import type { Pack, PackedPicture, Unpacked } from '../packed.js';
import { pictureFault } from '../picture-fault.js';

const pictures = new Set(['jpg', 'jpeg', 'png', 'webp']);
const texts = new Set(['txt', 'json', 'cls']);
/** A member's bytes begin behind its header. */
const headerBytes = 512;
type Entry = Extract extends AsyncIterable<infer E> ? E : never;
/** Larger members are not read: no picture or caption is that large. */
const largest = 256 * 2 ** 20;

/**
 * Reads a shard's index: which pictures it has, where their bytes stand, and what is said of them. Of a shard that is
 * cut short, the pictures before the cut are kept.
 */
export async function readTar(file: string, unpacked: Unpacked): Promise<Pack> {
  const samples = new Samples();
  const zipped = await isGzip(file);
  const source = zipped ? copied(createReadStream(file).pipe(createGunzip()), unpacked) : createReadStream(file);
  const tar = extract();
  const piped = Readable.from(source);
  piped.on('error', (error) => tar.destroy(error));
  piped.pipe(tar);
  try {
    for await (const entry of tar) await samples.add(entry);
    await samples.finish();
  } catch (error) {
    samples.cut(error as Error);
  }
  return { file: zipped ? unpacked.file : file, pictures: samples.pictures, skipped: samples.skipped };
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

async function* copied(source: AsyncIterable<Uint8Array>, unpacked: Unpacked): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    await unpacked.write(chunk);
    yield chunk;
  }
}

/** Puts members of a tar file together that have the same name up to its first dot. They follow each other. */
class Samples {
  readonly pictures: PackedPicture[] = [];
  readonly skipped: Skipped[] = [];
  private key: string | undefined;
  private picture: { offset: number; content: Buffer } | undefined;
  private parts: Record<string, string> = {};

  async add(entry: Entry): Promise<void> {
    const { name, type, size } = entry.header;
    const [, key, ending] = /^((?:.*\/)?[^./][^./]*)\.([^/]+)$/.exec(name.replace(/^\.\//, '')) ?? [];
    const kind = ending?.toLowerCase() ?? '';
    if (type !== 'file' || key === undefined || !(pictures.has(kind) || texts.has(kind)) || size > largest) {
      entry.resume();
      if (type === 'file') this.skipped.push({ id: name, reason: reasonAgainst(name, size) });
      return;
    }
    if (key !== this.key) await this.finish();
    this.key = key;
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (pictures.has(kind)) this.picture = { offset: entry.offset + headerBytes, content };
    else this.parts[kind] = content.toString('utf8');
  }

  /** Ends the sample whose members were last read. */
  async finish(): Promise<void> {
    const { key, picture, parts } = this;
    [this.key, this.picture, this.parts] = [undefined, undefined, {}];
    if (key === undefined) return;
    if (key.startsWith('/') || key.split('/').includes('..')) {
      this.skipped.push({ id: key, reason: 'its path leads out of the archive' });
    } else if (!picture) {
      this.skipped.push({ id: key, reason: 'there is no picture (.jpg, .png, .webp) beside its text' });
    } else {
      const reason = await pictureFault(picture.content);
      if (reason !== undefined) this.skipped.push({ id: key, reason });
      else this.pictures.push({ id: key, ...saidOf(parts), offset: picture.offset, bytes: picture.content.length });
    }
  }

  /** The sample that was being read is lost. An empty id stands for the whole shard. */
  cut({ message }: Error): void {
    this.skipped.push({
      id: this.key ?? '',
      reason: `the shard ends or breaks here, after ${this.pictures.length} pictures: ${message}`,
    });
  }
}

function reasonAgainst(name: string, size: number): string {
  return size > largest ? `${name} is larger than ${largest / 2 ** 20} MiB` : 'neither picture, caption nor class';
}

/** Caption and class of a sample's texts. */
function saidOf({ txt, json, cls }: Record<string, string>): { captions: string[]; className?: string } {
  const className = cls?.trim();
  return { captions: txt !== undefined ? [txt] : captionIn(json), ...(className && { className }) };
}

function captionIn(json: string | undefined): string[] {
  if (json === undefined) return [];
  try {
    const { caption, text } = JSON.parse(json) as { caption?: unknown; text?: unknown };
    return [caption, text].filter((value) => typeof value === 'string').slice(0, 1);
  } catch {
    return [];
  }
}
