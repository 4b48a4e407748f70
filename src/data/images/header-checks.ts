import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { join, resolve } from 'node:path';
import { codeFingerprint } from '../../files/index.js';
import { keep, readKept } from '../cache.js';
import { imageFault } from './image-fault.js';

/** Size, time of change, and why the image cannot be used, or null. */
type Check = readonly [bytes: number, modified: number, fault: string | null];

/** Fewer checks are quicker made again than kept. */
const worthKeeping = 500;

/** What the headers of a folder's images said, kept in the cache between runs of the same code: a header takes about a millisecond. */
export class HeaderChecks {
  private made = 0;

  private constructor(
    private readonly name: string,
    private readonly known: Map<string, Check>,
  ) {}

  static async of(folder: string): Promise<HeaderChecks> {
    const key = createHash('sha256')
      .update(`${codeFingerprint('data')}\n${resolve(folder)}`)
      .digest('hex')
      .slice(0, 24);
    const name = join('headers', `${key}.json`);
    const text = (await readKept(name)) ?? '{}';
    return new HeaderChecks(name, new Map(Object.entries(JSON.parse(text) as Record<string, Check>)));
  }

  /** Why the image cannot be used, from what is known of it or from its header. @param id its path in the folder */
  async fault(id: string, path: string, { size, mtimeMs }: Stats): Promise<string | undefined> {
    const known = this.known.get(id);
    if (known && known[0] === size && known[1] === mtimeMs) return known[2] ?? undefined;
    const fault = await imageFault(path);
    this.known.set(id, [size, mtimeMs, fault ?? null]);
    this.made++;
    return fault;
  }

  async keep(): Promise<void> {
    if (this.made >= worthKeeping) await keep(this.name, JSON.stringify(Object.fromEntries(this.known)));
  }
}
