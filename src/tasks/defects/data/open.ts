import { closest, UserError } from '../../../errors.js';
import type { DefectDataset, Product } from './defect-data.js';

/** What `--data` of `promptkd defects` understands. */
export const defectDataKinds = [
  'surfaces',
  'surfaces-other',
  'mvtec:DIR',
  'visa:DIR',
  'meta:DIR',
  'anomalib:DIR?normal=good&abnormal=crack,hole&mask=masks',
] as const;

/**
 * Opens images of products: the built-in `surfaces`, or the layout of MVTec AD, VisA, a `meta.json`, or anomalib's `Folder`.
 *
 * @param spec as `--data` of `promptkd defects` takes it; see {@link defectDataKinds}
 * @throws UserError for anything else, or data in which nothing can be fitted
 * @example
 * const { products } = await openDefectData('mvtec:mvtec_anomaly_detection'); // or 'surfaces'
 */
export async function openDefectData(spec: string): Promise<DefectDataset> {
  const [, kind, path, query] = /^([^:?]*):?(.*?)(?:\?(.*))?$/s.exec(spec) as unknown as [
    string,
    string,
    string,
    string?,
  ];
  if (kind === 'surfaces' || kind === 'surfaces-other') {
    return (await import('./surfaces.js')).surfacesDataset(kind);
  }
  const known = defectDataKinds.find((usage) => usage.startsWith(`${kind}:`));
  if (!known || path === '') {
    const near = closest(
      kind,
      defectDataKinds.map((usage) => usage.split(':')[0]!),
    );
    const hint = known ? '' : near ? `; did you mean ${near}?` : '';
    throw new UserError(`--data ${spec}: expected ${known ?? `one of ${defectDataKinds.join(', ')}`}${hint}`);
  }
  const options = Object.fromEntries(new URLSearchParams(query ?? ''));
  const allowed = kind === 'anomalib' ? ['normal', 'abnormal', 'normal_test', 'mask'] : [];
  const wrong = Object.keys(options).find((name) => !allowed.includes(name));
  if (wrong !== undefined) {
    throw new UserError(`--data ${spec}: unknown option ${wrong}; expected ${allowed.join(', ') || 'none'}`);
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
        throw new UserError(`--data ${spec}: expected the folders of sound and defective images, as in ${known}`);
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
