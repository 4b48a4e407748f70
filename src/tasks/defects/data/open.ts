import { type DataKind, parseDataSpec } from '../../../data/index.js';
import { closest, UserError } from '../../../errors.js';
import type { DefectDataset, Product } from './defect-data.js';

const anomalib = 'anomalib:DIR?normal=good&abnormal=crack,hole&mask=masks';

/** What `--data` of `promptkd defects` understands. */
export const defectDataKinds: readonly DataKind[] = [
  { kind: 'surfaces', usage: 'surfaces', about: 'built in: fabric, metal, wood, tile, circuit boards', options: [] },
  { kind: 'surfaces-other', usage: 'surfaces-other', about: 'built in: leather, concrete, printed card', options: [] },
  { kind: 'mvtec', usage: 'mvtec:DIR', about: 'the layout of MVTec AD', options: [] },
  { kind: 'visa', usage: 'visa:DIR', about: 'the layout of VisA', options: [] },
  { kind: 'meta', usage: 'meta:DIR', about: 'a folder with meta.json', options: [] },
  {
    kind: 'anomalib',
    usage: anomalib,
    about: 'folders of sound and defective images, as anomalib’s Folder',
    options: ['normal', 'abnormal', 'normal_test', 'mask'],
  },
];

/**
 * Opens images of products: the built-in `surfaces`, or the layout of MVTec AD, VisA, a `meta.json`, or anomalib's `Folder`.
 *
 * @param spec as `--data` of `promptkd defects` takes it; see {@link defectDataKinds}
 * @throws UserError for anything else, or data in which nothing can be fitted
 * @example
 * const { products } = await openDefectData('mvtec:mvtec_anomaly_detection'); // or 'surfaces'
 */
export async function openDefectData(spec: string): Promise<DefectDataset> {
  const { kind, path, options } = parseDataSpec(spec, defectDataKinds);
  if (kind === 'surfaces' || kind === 'surfaces-other') {
    return (await import('./surfaces.js')).surfacesDataset(kind);
  }
  const { fileDataset } = await import('./files.js');
  switch (kind) {
    case 'mvtec':
      return fileDataset(spec, path, await (await import('./mvtec.js')).mvtecFiles(path));
    case 'visa':
      return fileDataset(spec, path, await (await import('./visa.js')).visaFiles(path), { kinds: true });
    case 'meta':
      return fileDataset(spec, path, await (await import('./meta-json.js')).metaJsonFiles(path));
    default: {
      const { normal, abnormal, normal_test, mask } = options;
      if (!normal || !abnormal) {
        throw new UserError(`--data ${spec}: expected the folders of sound and defective images, as in ${anomalib}`);
      }
      const { anomalibFiles } = await import('./anomalib-folder.js');
      const files = await anomalibFiles(path, { normal, abnormal, normal_test, mask });
      return fileDataset(spec, path, files, { anywhere: true });
    }
  }
}

/**
 * One product of a data set, by its name, or the only one.
 *
 * @throws UserError where the data has no such product, or none is named and it has several
 * @example
 * const { train, test } = productOf(await openDefectData('surfaces'), 'metal');
 */
export function productOf({ name, products }: DefectDataset, wanted: string | undefined): Product {
  const names = products.map((product) => product.name);
  if (wanted === undefined) {
    if (products.length === 1) return products[0]!;
    throw new UserError(`${name} has ${products.length} products: choose one with --product: ${names.join(', ')}`);
  }
  const found = products.find((product) => product.name === wanted);
  if (found) return found;
  const near = closest(wanted, names);
  throw new UserError(
    `--product ${wanted}: expected one of ${names.join(', ')}${near ? `; did you mean ${near}?` : ''}`,
  );
}
