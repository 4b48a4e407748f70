import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { hash } from '../../../files/index.js';
import { keep, readKept } from '../../cache.js';
import type { Example, ImageTextDataset } from '../../dataset.js';
import { remembered } from '../image-cache.js';
import { flawKinds } from './flaws.js';
import { type RenderedSurface, renderSurface, type SurfaceImage, side } from './render.js';
import { otherProducts, products } from './textures.js';

export { type FlawKind, flawKinds } from './flaws.js';
export type { SurfaceImage } from './render.js';

/** Raised when images or splits change. */
const revision = 1;

/** Images of a product: sound ones in `train` and `test`, and in `test` so many of each kind of flaw. */
const plan = { train: 40, sound: 20, each: 6 } as const;

export const surfaceSets = { surfaces: Object.keys(products), 'surfaces-other': Object.keys(otherProducts) } as const;
export type SurfaceSet = keyof typeof surfaceSets;

/** The images of a set by split: `train` has sound ones alone, `test` both. */
export function surfaceImages(set: SurfaceSet): Readonly<Record<'train' | 'test', readonly SurfaceImage[]>> {
  const images = (split: string, product: string, count: number, flaw?: SurfaceImage['flaw']) =>
    Array.from({ length: count }, (_, i) => {
      const id = `${split}/${product}/${flaw ?? 'good'}/${i}`;
      return { id, product, ...(flaw && { flaw }) };
    });
  return {
    train: surfaceSets[set].flatMap((product) => images('train', product, plan.train)),
    test: surfaceSets[set].flatMap((product) => [
      ...images('test', product, plan.sound),
      ...flawKinds.flatMap((flaw) => images('test', product, plan.each, flaw)),
    ]),
  };
}

/** Of everything that images and splits depend on. */
export const surfacesFingerprint = (set: SurfaceSet): string =>
  `${set}-${createHash('sha256')
    .update(JSON.stringify([revision, surfaceImages(set)]))
    .digest('hex')
    .slice(0, 16)}`;

/** An image and its mask, drawn the first time and kept in the cache. */
export async function readSurface(image: SurfaceImage): Promise<RenderedSurface> {
  const name = `surfaces-${revision}/${hash(image.id).slice(0, 16)}.json`;
  const kept = await readKept(name);
  if (kept !== undefined) return unpacked(JSON.parse(kept) as Packed);
  const drawn = renderSurface(image);
  await keep(name, JSON.stringify(await packed(drawn)));
  return drawn;
}

/** PNG files in base64. */
interface Packed {
  readonly image: string;
  readonly mask?: string;
}

async function packed({ image, mask }: RenderedSurface): Promise<Packed> {
  const png = async (data: Uint8Array, channels: 1 | 3) =>
    (
      await sharp(data, { raw: { width: side, height: side, channels } })
        .png()
        .toBuffer()
    ).toString('base64');
  return { image: await png(image.data, 3), ...(mask && { mask: await png(mask, 1) }) };
}

async function unpacked({ image, mask }: Packed): Promise<RenderedSurface> {
  const raw = async (png: string, channels: 1 | 3) => {
    const decoded = sharp(Buffer.from(png, 'base64'));
    const data = await (channels === 1 ? decoded.extractChannel(0) : decoded).raw().toBuffer();
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  };
  return {
    image: { width: side, height: side, channels: 3, data: await raw(image, 3) },
    ...(mask !== undefined && { mask: await raw(mask, 1) }),
  };
}

/**
 * The built-in surfaces as images with texts: procedural fabric, metal, wood, tile and circuit boards (`surfaces-other`:
 * leather, concrete and printed card) of 256 × 256 pixels, sound ones in `train`, and in `test` others with one of six
 * kinds of flaw, of 0.3 to 30 % of the image. A class is a product; captions say what is wrong.
 */
export async function openSurfaces(set: SurfaceSet): Promise<ImageTextDataset> {
  const images = surfaceImages(set);
  const byId = new Map(Object.values(images).flatMap((some) => some.map((image) => [image.id, image] as const)));
  const names = surfaceSets[set];
  const exampleOf = (image: SurfaceImage): Example => ({
    id: image.id,
    label: names.indexOf(image.product),
    captions: captionsOf(image),
  });
  return {
    name: set,
    kind: 'photos',
    classes: names.map((name) => ({ name, novel: false })),
    splits: { train: images.train.map(exampleOf), test: images.test.map(exampleOf) },
    fingerprint: surfacesFingerprint(set),
    skipped: [],
    load: remembered(async ({ id }) => (await readSurface(byId.get(id)!)).image),
  };
}

function captionsOf({ product, flaw }: SurfaceImage): string[] {
  if (flaw === undefined) return [`a photo of flawless ${product}`, `${product} without defect`];
  return [`a photo of ${product} with a ${flaw}`, `damaged ${product}`];
}
