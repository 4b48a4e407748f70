import { Random } from '../math/index.js';
import type { Params } from '../nn/index.js';

/**
 * Fresh deep prompts of one tower, `vision.0`, `vision.1`, … or `text.0`, …, each [n_ctx, width]: independent vectors
 * for each prompted layer, normal with standard deviation 0.02 (VPT-deep, Jia et al. 2022).
 */
export function initDeepPrompts(
  tower: 'vision' | 'text',
  shape: { readonly n_ctx: number; readonly depth: number; readonly width: number },
  seed: number,
): Params {
  const { n_ctx, depth, width } = shape;
  const prompts: Params = {};
  for (let layer = 0; layer < depth; layer++) {
    const random = new Random(seed, 'deep-prompts', tower, layer);
    const data = Float32Array.from({ length: n_ctx * width }, () => 0.02 * random.normal());
    prompts[`${tower}.${layer}`] = { shape: [n_ctx, width], data };
  }
  return prompts;
}

/** The deep prompts of one tower in a parameter tree, in the order of their layers. */
export function deepPrompts<T>(p: Readonly<Record<string, T>>, tower: 'vision' | 'text'): T[] {
  const prompts: T[] = [];
  for (let layer = 0; ; layer++) {
    const prompt = p[`${tower}.${layer}`];
    if (!prompt) return prompts;
    prompts.push(prompt);
  }
}
