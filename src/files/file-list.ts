import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { writeFileAtomic } from './atomic.js';
import { cannotRead } from './faults.js';
import { fileChecksum } from './fingerprint.js';
import { readJsonAs } from './json.js';

/** Lists the files of a folder that were written together, with what they are to be. */
export const fileList = 'checksums.json';

/** The path of a file within a folder, with slashes: what a stranger's list names is read, or moved. */
export const pathWithin = z
  .string()
  .refine((file) => file.split('/').every((part) => /^[^\\:\p{Cc}]{1,255}$/u.test(part) && part !== '..'), {
    error: 'a path within the folder',
  });

const schema = z.object({
  version: z.literal(1),
  files: z.record(pathWithin, z.object({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});

/**
 * Writes the list of a folder. Texts for people (`.md`), who may well change them, are left out.
 *
 * @param files relative to the folder
 */
export async function writeFileList(folder: string, files: readonly string[]): Promise<void> {
  const listed: z.infer<typeof schema>['files'] = {};
  for (const file of files.filter((name) => !name.endsWith('.md')).toSorted()) {
    const path = join(folder, file);
    listed[file.replaceAll(sep, '/')] = { bytes: (await stat(path)).size, sha256: await fileChecksum(path) };
  }
  await writeFileAtomic(join(folder, fileList), `${JSON.stringify({ version: 1, files: listed }, null, 1)}\n`);
}

/**
 * Compares the files of a folder with its list; nothing is said of a folder without.
 *
 * @param isRead whether a listed file is wanted: others may be damaged or missing
 * @throws UserError naming the file that is not as it was written
 */
export async function checkFiles(folder: string, isRead: (file: string) => boolean): Promise<void> {
  const list = join(folder, fileList);
  if (!existsSync(list)) return;
  const { files } = await readJsonAs(list, schema);
  const remedy = `make the model again, or, where it was changed on purpose, delete ${list}`;
  for (const [file, { bytes, sha256 }] of Object.entries(files).filter(([name]) => isRead(name))) {
    const path = join(folder, file);
    const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new UserError(`${path}: missing, but ${fileList} lists it: ${remedy}`);
      throw cannotRead(path, error);
    });
    if (info.size !== bytes) {
      throw new UserError(`${path}: expected ${bytes} bytes, as ${fileList} says, got ${info.size}: ${remedy}`);
    }
    if ((await fileChecksum(path)) !== sha256) {
      throw new UserError(`${path}: it is not as it was written, its checksum in ${fileList} differs: ${remedy}`);
    }
  }
}
