import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { ensureFolder, fileFault, removeLeftovers, syncFolder, temporaryPath } from '../../files/index.js';
import { temporaryFolder } from '../cache.js';

/**
 * A file of the cache that is written piece by piece and stands under its name when it is whole. Where the cache cannot be
 * written, it is a temporary file of this process.
 */
export class Unpacked {
  private handle: FileHandle | undefined;
  private length = 0;
  private temporary: string;
  private fault: UserError | undefined;

  constructor(public file: string) {
    this.temporary = temporaryPath(file);
  }

  /**
   * @returns where the bytes begin
   * @throws UserError where they cannot be written; `throwFault` throws it again, for readers that took it for a fault of
   * what they read
   */
  async write(bytes: Uint8Array): Promise<number> {
    try {
      this.handle ??= await this.begin();
      await this.handle.writeFile(bytes);
    } catch (error) {
      this.fault = new UserError(
        `${this.file}: images cannot be unpacked there: ${fileFault(error) ?? (error as Error).message}; name another folder with PROMPTKD_CACHE`,
      );
      throw this.fault;
    }
    this.length += bytes.length;
    return this.length - bytes.length;
  }

  throwFault(): void {
    if (this.fault) throw this.fault;
  }

  /** @throws UserError where something could not be written */
  async keep(): Promise<void> {
    this.throwFault();
    if (!this.handle) return;
    try {
      await this.handle.sync();
      await this.handle.close();
      this.handle = undefined;
      await rename(this.temporary, this.file);
      await syncFolder(dirname(this.file));
    } catch (error) {
      throw new UserError(`${this.file}: images cannot be kept there: ${fileFault(error) ?? (error as Error).message}`);
    }
  }

  /** Removes what was written and not kept. */
  async discard(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    await rm(this.temporary, { force: true });
  }

  private async begin(): Promise<FileHandle> {
    try {
      await ensureFolder(dirname(this.file));
      await removeLeftovers(dirname(this.file));
      return await open(this.temporary, 'wx');
    } catch {
      this.file = join(temporaryFolder(), basename(this.file));
      this.temporary = temporaryPath(this.file);
      return open(this.temporary, 'wx');
    }
  }
}
