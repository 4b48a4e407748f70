import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Extract, extract } from 'tar-stream';
import { UserError } from '../../../errors.js';
import { imageFault } from '../../images/image-fault.js';
import type { Pack } from '../../images/packed.js';
import { checksum } from '../../images/source.js';
import type { Unpacked } from '../../images/unpacked.js';
import { isLitter } from '../litter.js';
import { memberKind, Samples } from './samples.js';

/** A member's bytes begin behind its header. */
const headerBytes = 512;
type Entry = Extract extends AsyncIterable<infer E> ? E : never;
/** Larger members are not read: no image is that large, and no text is that long. */
const largest = { image: 256 * 2 ** 20, text: 2 ** 20 } as const;
/** Images hardly get smaller by gzip, and texts by ten times: what grows more than this, beyond the first bytes, is no data. */
const mostGrowth = { times: 20, from: 16 * 2 ** 20, most: 64 * 2 ** 30 } as const;

/**
 * Reads a shard's index: which images it has, where their bytes stand, and what is said of them. Of a shard that is
 * cut short, the images before the cut are kept.
 *
 * @throws UserError where what is unpacked cannot be written
 */
export async function readTar(file: string, unpacked: Unpacked): Promise<Pack> {
  const { size } = await stat(file);
  const samples = new Samples();
  const zipped = await isGzip(file);
  const stream = createReadStream(file);
  const source = new Whole(zipped ? copied(stream.pipe(createGunzip()), size, unpacked) : stream);
  stream.on('error', (error) => source.fail(error));
  const tar = extract();
  Readable.from(source).pipe(tar);
  let [last, members] = ['', 0];
  let fault: Error | undefined;
  try {
    for await (const entry of tar) {
      last = entry.header.name;
      members++;
      await add(entry, samples);
    }
  } catch (error) {
    fault = error as Error;
  }
  unpacked.throwFault();
  fault = source.fault ?? fault;
  if (fault) {
    const reason = `the shard ends or breaks here, after ${samples.count} images: ${fault.message}`;
    samples.skipped.push({ id: memberKind(last)?.stem ?? last, reason });
  }
  const pack = samples.finish();
  if (members === 0 && pack.skipped.length === 0) {
    return {
      file,
      ...pack,
      skipped: [{ id: '', reason: size === 0 ? 'the shard is empty: it has 0 bytes' : 'the shard is empty' }],
    };
  }
  return { file: zipped ? unpacked.file : file, ...pack };
}

/** Bytes that end where reading fails, so that what came before is read all the same; the fault is kept. */
class Whole implements AsyncIterable<Uint8Array> {
  fault: Error | undefined;

  constructor(private readonly source: AsyncIterable<Uint8Array>) {}

  fail(error: Error): void {
    this.fault ??= error;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.source;
    } catch (error) {
      this.fail(error as Error);
    }
  }
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

async function* copied(
  source: AsyncIterable<Uint8Array>,
  size: number,
  unpacked: Unpacked,
): AsyncGenerator<Uint8Array> {
  const most = Math.min(mostGrowth.most, mostGrowth.from + mostGrowth.times * size);
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > most) throw new UserError(`it unpacks to more than ${mostGrowth.times} times its size, or 64 GiB`);
    await unpacked.write(chunk);
    yield chunk;
  }
}

async function add(entry: Entry, samples: Samples): Promise<void> {
  const { type, size } = entry.header;
  const name = entry.header.name.replace(/^(\.\/)+/, '');
  const skip = (reason?: string) => {
    entry.resume();
    if (reason !== undefined && type === 'file') samples.skipped.push({ id: name, reason });
  };
  const isHidden = name.split('/').some((part) => part !== '..' && part !== '.' && isLitter(part));
  if (type !== 'file' || isHidden) return skip();
  const member = memberKind(name);
  if (!member) return skip('neither image, caption nor class');
  const { stem, kind } = member;
  const most = kind === 'image' ? largest.image : largest.text;
  if (size > most) return skip(`it is larger than ${most / 2 ** 20} MiB`);
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk as Buffer);
  const content = Buffer.concat(chunks);
  if (kind !== 'image') {
    samples.addText(stem, kind, content.toString('utf8'));
    return;
  }
  const fault = await imageFault(content);
  if (fault !== undefined) samples.lose(stem, fault);
  else samples.addImage(stem, { offset: entry.offset + headerBytes, bytes: content.length, sum: checksum(content) });
}
