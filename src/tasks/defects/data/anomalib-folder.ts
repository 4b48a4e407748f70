import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { UserError } from '../../../errors.js';
import { type ImageFile, imagesIn, type ProductFiles } from './files.js';

/** Folders of anomalib's `Folder` data module, below its root. */
export interface FolderNames {
  /** `normal_dir` */
  readonly normal: string;
  /** `abnormal_dir`; several have commas between them, and each is a kind of defect. */
  readonly abnormal: string;
  /** `normal_test_dir`. Left out: every fifth sound image is kept for the test, as anomalib keeps a fifth. */
  readonly normal_test?: string;
  /** `mask_dir`: masks of the defective images by their names, or with `_mask` behind. */
  readonly mask?: string;
}

/**
 * Anomalib's `Folder`: sound images in one folder, defective ones in one or several, masks in another.
 *
 * @throws UserError where a folder is not there
 */
export async function anomalibFiles(root: string, names: FolderNames): Promise<ProductFiles[]> {
  const { normal, abnormal, normal_test: soundTest, mask } = names;
  const kinds = abnormal.split(',');
  for (const folder of [normal, ...kinds, ...(soundTest ? [soundTest] : []), ...(mask ? [mask] : [])]) {
    if (!existsSync(join(root, folder))) throw new UserError(`${join(root, folder)}: expected a folder, found none`);
  }
  const sound = (await imagesIn(join(root, normal))).map((file): ImageFile => ({ path: `${normal}/${file}` }));
  const isTest = (_: unknown, i: number) => soundTest === undefined && i % 5 === 4;
  const test: ImageFile[] = sound.filter(isTest);
  if (soundTest !== undefined) {
    test.push(...(await imagesIn(join(root, soundTest))).map((file) => ({ path: `${soundTest}/${file}` })));
  }
  for (const kind of kinds) {
    for (const file of await imagesIn(join(root, kind))) {
      const masks = mask === undefined ? [] : masksOf(mask, kind, basename(file, extname(file)));
      const found = masks.find((path) => existsSync(join(root, path)));
      test.push({ path: `${kind}/${file}`, defect: kind, ...(found && { mask: found }) });
    }
  }
  const train = sound.filter((image, i) => !isTest(image, i));
  return [{ name: basename(root), train, test }];
}

const masksOf = (folder: string, kind: string, name: string): string[] =>
  [`${folder}/${name}`, `${folder}/${kind}/${name}`].flatMap((path) => [`${path}.png`, `${path}_mask.png`]);
