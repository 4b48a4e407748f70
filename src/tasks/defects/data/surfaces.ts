import { readSurface, type SurfaceSet, surfaceImages, surfaceSets, surfacesFingerprint } from '../../../data/index.js';
import type { DefectDataset, DefectImage } from './defect-data.js';
import { soundMask } from './mask.js';

/** The built-in surfaces with their masks. */
export function surfacesDataset(set: SurfaceSet): DefectDataset {
  const images = surfaceImages(set);
  const byId = new Map([...images.train, ...images.test].map((image) => [image.id, image]));
  const of = (split: 'train' | 'test', product: string): DefectImage[] =>
    images[split]
      .filter((image) => image.product === product)
      .map(({ id, flaw }) => ({ id, product, ...(flaw && { defect: flaw }) }));
  return {
    name: set,
    products: surfaceSets[set].map((name) => ({ name, train: of('train', name), test: of('test', name) })),
    fingerprint: surfacesFingerprint(set),
    load: async ({ id }) => (await readSurface(byId.get(id)!)).image,
    async mask({ id }, { width, height }) {
      const { mask } = await readSurface(byId.get(id)!);
      return mask ? { width, height, data: mask } : soundMask({ width, height });
    },
    skipped: [],
  };
}
