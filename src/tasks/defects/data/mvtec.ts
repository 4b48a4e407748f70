import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { UserError } from '../../../errors.js';
import { foldersIn, type ImageFile, imagesIn, type ProductFiles } from './files.js';

/**
 * MVTec AD's layout (Bergmann et al., CVPR 2019): `<product>/train/good`, `<product>/test/{good,<defect>}/000.png`, and
 * masks in `<product>/ground_truth/<defect>/000_mask.png`. The folder may be that of one product.
 *
 * @throws UserError where it is not of that form
 */
export async function mvtecFiles(root: string): Promise<ProductFiles[]> {
  const isProduct = (folder: string) => existsSync(join(folder, 'train', 'good'));
  const names = isProduct(root) ? [''] : (await foldersIn(root)).filter((name) => isProduct(join(root, name)));
  if (names.length === 0) {
    throw new UserError(
      `${root}: expected MVTec AD's layout, folders of products with train/good and test, found none`,
    );
  }
  return Promise.all(names.map((name) => productFiles(root, name)));
}

async function productFiles(root: string, name: string): Promise<ProductFiles> {
  const path = (...parts: string[]) => [name, ...parts].filter(Boolean).join('/');
  const train = await imagesIn(join(root, path('train', 'good')));
  const test: ImageFile[] = [];
  const kinds = existsSync(join(root, path('test'))) ? await foldersIn(join(root, path('test'))) : [];
  for (const kind of kinds) {
    const sound = kind === 'good';
    for (const file of await imagesIn(join(root, path('test', kind)))) {
      const mask = path('ground_truth', kind, `${basename(file, extname(file))}_mask.png`);
      const masked = !sound && existsSync(join(root, mask));
      test.push({
        path: path('test', kind, file),
        ...(!sound && { defect: kind }),
        ...(masked && { mask }),
      });
    }
  }
  return { name: name || basename(root), train: train.map((file) => ({ path: path('train', 'good', file) })), test };
}
