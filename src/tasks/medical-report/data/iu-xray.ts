import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../errors.js';
import { parseJson, readText } from '../../../files/index.js';
import { issueError } from '../../../schema-issue.js';
import type { NamedStudy } from './collect.js';

const entry = z.object({
  id: z.union([z.string(), z.number()]).transform(String),
  report: z.string(),
  image_path: z.array(z.string()),
});
const annotations = z.object({ train: z.array(entry), val: z.array(entry), test: z.array(entry) });

/**
 * R2Gen's `annotation.json` of IU X-Ray or MIMIC-CXR: `{train|val|test: [{id, report, image_path: […]}]}`; its images lie in `images/`
 * beside it, or in a folder that is named.
 *
 * @throws UserError where a field is not as expected
 */
export async function readAnnotations(
  file: string,
  images = existsSync(join(dirname(file), 'images')) ? join(dirname(file), 'images') : dirname(file),
): Promise<{ named: NamedStudy[]; folder: string }> {
  const read = annotations.safeParse(parseJson(await readText(file), file));
  // The input is not repeated: it is people's reports.
  if (!read.success) throw issueError({ ...read.error.issues[0]!, input: undefined }, file);
  const named = Object.entries(read.data).flatMap(([split, list]) =>
    list.map(({ id, report, image_path }) => ({ id, split, images: image_path, report })),
  );
  if (named.length === 0) throw new UserError(`${file}: expected studies in train, val or test, found none`);
  return { named, folder: images };
}
