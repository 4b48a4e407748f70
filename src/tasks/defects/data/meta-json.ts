import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../errors.js';
import { readJsonAs } from '../../../files/index.js';
import type { ImageFile, ProductFiles } from './files.js';

const entry = z.object({
  img_path: z.string().min(1),
  mask_path: z.string().default(''),
  cls_name: z.string().optional(),
  specie_name: z.string().default(''),
  anomaly: z.union([z.literal(0), z.literal(1)]),
});
const splitSchema = z.record(z.string(), z.array(entry));
const schema = z.object({ train: splitSchema, test: splitSchema });

/**
 * `meta.json` as AnomalyCLIP and APRIL-GAN read it: `{train: {product: [{img_path, mask_path, cls_name, specie_name,
 * anomaly}]}, test: {…}}`, paths from its own folder.
 *
 * @throws UserError where the file is not there or not of that form
 */
export async function metaJsonFiles(root: string): Promise<ProductFiles[]> {
  const file = join(root, 'meta.json');
  if (!existsSync(file)) throw new UserError(`${root}: expected meta.json in it, found none`);
  const meta = await readJsonAs(file, schema);
  // Products may be called anything, `constructor` too.
  const [train, test] = [new Map(Object.entries(meta.train)), new Map(Object.entries(meta.test))];
  const filesOf = (entries: readonly z.infer<typeof entry>[] = []): ImageFile[] =>
    entries.map(({ img_path: path, mask_path: mask, specie_name: kind, anomaly }) => ({
      path,
      ...(anomaly === 1 && { defect: kind || 'anomaly' }),
      ...(anomaly === 1 && mask && { mask }),
    }));
  const names = [...new Set([...train.keys(), ...test.keys()])].sort();
  return names.map((name) => ({ name, train: filesOf(train.get(name)), test: filesOf(test.get(name)) }));
}
