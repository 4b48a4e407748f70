import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { cannotWrite, refuseSpecial } from './faults.js';
import { fileList, pathWithin, writeFileList } from './file-list.js';
import { makeFolder, removeEmpty, syncFolder } from './folders.js';
import { leftoversOf, removeLeftovers, temporaryPath } from './temporary.js';

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
    await refuseSpecial(file);
    const named = (error: unknown): never => {
      throw cannotWrite(file, error);
    };
    const made = await makeFolder(dirname(file)).catch(named);
    const probe = temporaryPath(file);
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

/** The name that {@link temporaryPath} makes those of folders of {@link fillFolder} from. */
const UNFINISHED = 'unfinished';
/** Says in such a folder that all is there, and what is to become of it. */
const PLAN = '.plan.json';

/** `files` in the order in which they are moved. A stranger's folder may hold a plan, too. */
const planSchema = z.object({ files: z.array(pathWithin).min(1), replaced: z.array(pathWithin) });
type Plan = z.infer<typeof planSchema>;

/**
 * Fills a folder when everything is there, or not at all. `write` gets an empty folder within it (so that no other disk
 * and no other folder's rights are needed) and says which files it wrote; then they are moved to their places, their list
 * with checksums first (see {@link writeFileList}): as long as they are not all there, it says so. The last one is moved last:
 * to whoever knows no list, the folder is not whole without it. Of files that stand there only those of the same names are
 * replaced, and those of `replaced` are removed. Where a process is killed while it moves them, the next call, or
 * {@link finishFolder}, goes on; what it left before that is removed.
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
  await finishFolder(folder);
  await removeLeftovers(folder);
  const unfinished = temporaryPath(join(folder, UNFINISHED));
  await mkdir(unfinished).catch(async (error) => {
    await removeEmpty(made);
    return named(error);
  });
  try {
    const result = await write(unfinished).catch((error: unknown) => {
      // Nobody knows the folder within.
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.message.replaceAll(unfinished, folder), { cause: error });
    });
    await writeFileList(unfinished, result.files).catch(named);
    const files = [fileList, ...result.files].map((file) => file.replaceAll(sep, '/'));
    const plan: Plan = { files, replaced: [...replaced] };
    await writeFile(join(unfinished, PLAN), JSON.stringify(plan), { flush: true }).catch(named);
    await syncFolder(unfinished).catch(named);
    await moveIn(unfinished, folder, plan).catch(named);
    return result;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    await removeEmpty(made);
  }
}

/** Ends what a {@link fillFolder} began that was killed while it moved files: the folder is whole then. */
export async function finishFolder(folder: string): Promise<void> {
  for (const path of await leftoversOf(join(folder, UNFINISHED))) {
    const plan = await readFile(join(path, PLAN), 'utf8')
      .then((text) => planSchema.parse(JSON.parse(text)))
      .catch(() => undefined); // it was killed before, or is none of ours
    if (!plan) continue;
    await moveIn(path, folder, plan).catch((error) => {
      throw cannotWrite(folder, error);
    });
    await rm(path, { recursive: true, force: true });
  }
}

async function moveIn(unfinished: string, folder: string, { files, replaced }: Plan): Promise<void> {
  const waits = (file: string) => existsSync(join(unfinished, file));
  // A call that goes on from another finds some of the new files in their places.
  const old = [files.at(-1)!, ...replaced].filter((file) => waits(file) || !files.includes(file));
  for (const file of old) await rm(join(folder, file), { force: true });
  for (const file of files.filter(waits)) {
    await makeFolder(dirname(join(folder, file)));
    await rename(join(unfinished, file), join(folder, file));
  }
  for (const sub of new Set(files.map((file) => dirname(join(folder, file))))) await syncFolder(sub);
}
