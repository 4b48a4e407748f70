import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import { cannotWrite } from './faults.js';
import { makeFolder, removeEmpty } from './folders.js';
import { removeLeftovers } from './leftovers.js';

/**
 * Says before long work whether its results can be written where they are wanted, by making a file beside each; nothing
 * of that is left.
 *
 * @throws UserError naming the file that cannot be written
 */
export async function checkWritable(...files: readonly string[]): Promise<void> {
  for (const file of files) {
    if ((await stat(file).catch(() => undefined))?.isDirectory()) {
      throw new UserError(`${file}: cannot be written: expected a file, got a folder`);
    }
    const named = (error: unknown): never => {
      throw cannotWrite(file, error);
    };
    const made = await makeFolder(dirname(file)).catch(named);
    const probe = join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}.tmp`);
    try {
      await (await open(probe, 'wx')).close();
      await rm(probe);
    } catch (error) {
      named(error);
    } finally {
      await removeEmpty(made);
    }
  }
}

/**
 * Fills a folder when everything is there, or not at all. `write` gets an empty folder within it (so that no other disk
 * and no other folder's rights are needed) and says which files it wrote; then they are moved to their places, the last one
 * last: where that is missing, the folder is not whole. Of files that stand there only those of the same names are
 * replaced, and those of `replaced` are removed; what earlier calls left when they were killed is removed after a day.
 *
 * @throws UserError before `write` is called where the folder cannot be written
 */
export async function fillFolder<Result extends { readonly files: readonly string[] }>(
  folder: string,
  replaced: readonly string[],
  write: (unfinished: string) => Promise<Result>,
): Promise<Result> {
  const named = (error: unknown): never => {
    throw cannotWrite(folder, error);
  };
  const made = await makeFolder(folder).catch(named);
  await removeLeftovers(folder, (name) => /^\.unfinished-(\d+)-\w{6}$/.exec(name)?.[1]);
  const unfinished = await mkdtemp(join(folder, `.unfinished-${process.pid}-`)).catch(async (error) => {
    await removeEmpty(made);
    return named(error);
  });
  try {
    const result = await write(unfinished);
    const { files } = result;
    for (const old of [files.at(-1)!, ...replaced]) await rm(join(folder, old), { force: true }).catch(named);
    for (const file of files) {
      await makeFolder(dirname(join(folder, file))).catch(named);
      await rename(join(unfinished, file), join(folder, file)).catch(named);
    }
    return result;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    await removeEmpty(made);
  }
}
