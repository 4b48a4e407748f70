import type { Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { modelWeights, type TowerModel } from '../../model/index.js';
import { paramInputs } from '../../nn/index.js';
import { patchTokens } from '../patch-features.js';
import type { DefectDataset, DefectMask } from './data/defect-data.js';
import type { Detector, View } from './detector.js';
import { eachImage, type FitOptions } from './fit.js';
import { scores, storedValues, tiledImage } from './graph/detector-graph.js';
import { resampleWeights } from './graph/resample.js';
import type { TileLayout } from './graph/tiles.js';
import { tileLayout } from './graph/tiles.js';
import { ImageProgram, type InspectOptions } from './image-program.js';

/** What prompts are learned from: patch tokens of a frozen model, and what is true of each patch. */
export interface TunedImages {
  readonly count: number;
  /** Patches an image: tiles · P. */
  readonly patches: number;
  /** Of the view's layers in their order, each [count, patches, D]; in the joint space where no adapters are learned. */
  readonly layers: readonly { readonly width: number; readonly data: Float32Array }[];
  /** From masks, the share of a patch that is defective; from a teacher, how defective it finds it. [count, patches] */
  readonly targets: Float32Array;
  readonly skipped: readonly Skipped[];
}

export interface TunedImagesOptions extends InspectOptions, Pick<FitOptions, 'signal' | 'onProgress'> {
  readonly model: TowerModel;
  readonly view: View;
  readonly space: 'layer' | 'joint';
  /** Its test images are learned from, sound and defective. */
  readonly dataset: DefectDataset;
  /** A detector of no one product, whose maps stand in for masks. */
  readonly teacher?: Detector;
}

/**
 * Reads what prompts are learned from. The tower is frozen, so that its tokens are computed once.
 *
 * @throws UserError where no image can be read
 */
export async function tunedImages(options: TunedImagesOptions): Promise<TunedImages> {
  const { model, view, space, dataset, teacher } = options;
  const images = dataset.products.flatMap(({ test }) => test);
  const { image_size: tile, patch_size: patch } = model.config.vision_config;
  const layout = tileLayout(view.side, tile, patch, view.overlap);
  const patches = layout.starts.length ** 2 * layout.tileGrid ** 2;
  const tokens = new ImageProgram((size) => {
    const weights = modelWeights(model);
    const { pixels } = tiledImage({ model, view }, size);
    const { layers } = patchTokens(paramInputs(weights), model, pixels, { layers: view.layers, space });
    return { outputs: Object.fromEntries(layers.map((x, i) => [`layer.${i}`, x])), weights };
  }, options);
  const maps = teacher && teacherMaps(teacher, options);
  const targets = new Float32Array(images.length * patches);
  const layers: { width: number; data: Float32Array }[] = [];
  const skipped: Skipped[] = [];
  let count = 0;
  const known = new Map<string, DefectMask | undefined>();
  const withMasks: DefectDataset = {
    ...dataset,
    load: async (image) => {
      const read = await dataset.load(image);
      if (!maps) known.set(image.id, await dataset.mask(image, read));
      return read;
    },
  };
  const take: Parameters<typeof eachImage>[4] = async (image, { id }) => {
    const mask = known.get(id);
    known.delete(id);
    if (!maps && !mask) {
      skipped.push({ id, reason: `${id}: a defective image without a mask, which nothing can be learned from` });
      return;
    }
    const found = await tokens.run(image, id);
    for (const [i] of view.layers.entries()) {
      const { shape, data } = found[`layer.${i}`]!;
      const width = shape[2]!;
      layers[i] ??= { width, data: new Float32Array(images.length * patches * width) };
      layers[i].data.set(data as Float32Array, count * patches * width);
    }
    const grid = maps
      ? await maps.run(image, id).then(({ map }) => regridded(map!.data as Float32Array, map!.shape[0]!, layout.grid))
      : coverage(mask!, layout.grid);
    targets.set(byPatch(grid, layout), count * patches);
    count++;
  };
  await eachImage('reading images to learn from', images, { ...options, dataset: withMasks }, skipped, take).finally(
    () => Promise.all([tokens.dispose(), maps?.dispose()]),
  );
  if (count === 0) {
    throw new UserError(
      `${dataset.name}: none of its ${images.length} test images can be learned from${skipped[0] ? `, the first: ${skipped[0].reason}` : ''}`,
    );
  }
  return { count, patches, layers, targets, skipped };
}

/** @throws UserError for a teacher that knows one product alone */
function teacherMaps(teacher: Detector, options: InspectOptions): ImageProgram {
  if (teacher.learned.mode !== 'tuned') {
    throw new UserError(
      `the teacher is a ${teacher.learned.mode} detector of ${teacher.product}: expected a tuned one, which serves for all products`,
    );
  }
  return new ImageProgram((size) => {
    const weights = storedValues(teacher);
    const { map } = scores(paramInputs(weights), teacher, tiledImage(teacher, size));
    return { outputs: { map }, weights };
  }, options);
}

/** The share of each cell of a grid that a mask marks. [grid · grid] */
function coverage({ width, height, data }: DefectMask, grid: number): Float32Array {
  const rows = resampleWeights(height, grid).data;
  const columns = resampleWeights(width, grid).data;
  return separable(data, [height, width], rows, columns, grid);
}

/** A square map in another size. */
function regridded(map: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return map;
  const weights = resampleWeights(from, to).data;
  return separable(map, [from, from], weights, weights, to);
}

function separable(
  data: ArrayLike<number>,
  [height, width]: readonly [number, number],
  rows: Float32Array,
  columns: Float32Array,
  to: number,
): Float32Array {
  const half = new Float32Array(to * width);
  for (let i = 0; i < to; i++) {
    for (let y = 0; y < height; y++) {
      const weight = rows[i * height + y]!;
      if (weight === 0) continue;
      for (let x = 0; x < width; x++) half[i * width + x]! += weight * data[y * width + x]!;
    }
  }
  const out = new Float32Array(to * to);
  for (let i = 0; i < to; i++) {
    for (let j = 0; j < to; j++) {
      let sum = 0;
      for (let x = 0; x < width; x++) sum += columns[j * width + x]! * half[i * width + x]!;
      out[i * to + j] = sum;
    }
  }
  return out;
}

/** Values of the image's cells as those of tiles' patches, tile after tile. */
function byPatch(cells: Float32Array, { starts, patch, grid, tileGrid }: TileLayout): Float32Array {
  const out = new Float32Array(starts.length ** 2 * tileGrid ** 2);
  let at = 0;
  for (const top of starts) {
    for (const left of starts) {
      for (let y = 0; y < tileGrid; y++) {
        for (let x = 0; x < tileGrid; x++) out[at++] = cells[(top / patch + y) * grid + left / patch + x]!;
      }
    }
  }
  return out;
}
