import { patchGrid } from '../clip/index.js';
import type { RawImage } from '../data/index.js';
import { modelPixels } from '../loader/index.js';
import { modelWeights, type TowerModel, visionPass } from '../model/index.js';
import { headAverage, paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { input } from '../tensor/index.js';

/** Where the class token looks in the last layer, averaged over heads, prompts left out. */
export interface ClassAttention {
  readonly grid: readonly [rows: number, columns: number];
  /** One map an image, row by row. */
  readonly maps: readonly Float32Array[];
}

/** A model's attention over some images. */
export async function classAttention(
  model: TowerModel,
  images: readonly RawImage[],
  options: CompileOptions = {},
): Promise<ClassAttention> {
  const { config, preprocess } = model;
  const size = config.vision_config.image_size;
  const grid = patchGrid(config);
  const tokens = 1 + grid[0] * grid[1];
  const pixels = new Float32Array(images.length * 3 * size * size);
  for (const [i, image] of images.entries()) {
    pixels.set(modelPixels(image, preprocess), i * 3 * size * size);
  }
  const shape = [images.length, 3, size, size];
  const weights = modelWeights(model);
  const tower = visionPass(paramInputs(weights), model, input('pixels', shape), {});
  const program = await compile({ outputs: { map: headAverage(tower.attention.at(-1)!, tokens) } }, options);
  try {
    const { map } = await program.run({
      ...paramFeeds(weights),
      pixels: { shape, data: pixels },
    });
    const data = map!.data as Float32Array; // [images, tokens, tokens]
    const maps = images.map((_, i) => data.slice(i * tokens * tokens + 1, i * tokens * tokens + tokens));
    return { grid, maps };
  } finally {
    await program.dispose();
  }
}
