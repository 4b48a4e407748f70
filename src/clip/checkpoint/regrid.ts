import { UserError } from '../../errors.js';
import type { HostTensor } from '../../tensor/index.js';
import { clipConfigJson, parseClipConfig } from '../config.js';
import { preprocessAt } from '../preprocess/preprocess-config.js';
import type { Checkpoint } from './checkpoint.js';

/** Bilinear resampling of one plane (align_corners = false, edges repeated). */
function resample(plane: Float32Array, size: number, to: number): Float32Array {
  const out = new Float32Array(to * to);
  const at = (i: number) => {
    const x = Math.min(Math.max(((i + 0.5) * size) / to - 0.5, 0), size - 1);
    const low = Math.floor(x);
    return { low, high: Math.min(low + 1, size - 1), weight: x - low };
  };
  for (let i = 0; i < to; i++) {
    const y = at(i);
    for (let j = 0; j < to; j++) {
      const x = at(j);
      const top = plane[y.low * size + x.low]! * (1 - x.weight) + plane[y.low * size + x.high]! * x.weight;
      const bottom = plane[y.high * size + x.low]! * (1 - x.weight) + plane[y.high * size + x.high]! * x.weight;
      out[i * to + j] = top * (1 - y.weight) + bottom * y.weight;
    }
  }
  return out;
}

/** Position embeddings [1 + g·g, D] for another grid of patches; the class token's stays. */
export function regridPositions(positions: HostTensor, from: number, to: number): HostTensor {
  if (from === to) return positions;
  const width = positions.shape[1]!;
  const data = new Float32Array((1 + to * to) * width);
  data.set(positions.data.subarray(0, width));
  const plane = new Float32Array(from * from);
  for (let c = 0; c < width; c++) {
    for (let i = 0; i < plane.length; i++) plane[i] = positions.data[(1 + i) * width + c]!;
    const out = resample(plane, from, to);
    for (let i = 0; i < out.length; i++) data[(1 + i) * width + c] = out[i]!;
  }
  return { shape: [1 + to * to, width], data };
}

/** Patch kernels [D, 3, p, p] of another size; weights are scaled so that a plain area gives the same sum. */
export function regridKernel(kernel: HostTensor, to: number): HostTensor {
  const size = kernel.shape[3]!;
  if (size === to) return kernel;
  const planes = kernel.data.length / (size * size);
  const data = new Float32Array(planes * to * to);
  const gain = (size * size) / (to * to);
  for (let p = 0; p < planes; p++) {
    const plane = Float32Array.from(kernel.data.subarray(p * size * size, (p + 1) * size * size));
    const out = resample(plane, size, to);
    for (let i = 0; i < out.length; i++) data[p * to * to + i] = out[i]! * gain;
  }
  return { shape: [kernel.shape[0]!, kernel.shape[1]!, to, to], data };
}

/**
 * The same model for texts of more tokens: positions behind the last one start as the last one, and training tells them apart.
 *
 * @throws UserError where the model reads longer texts already
 */
export function withTextLength(checkpoint: Checkpoint, length: number): Checkpoint {
  const { max_position_embeddings: before } = checkpoint.config.text_config;
  if (length === before) return checkpoint;
  if (length < before) throw new UserError(`context: expected at least ${before}, the model's own, got ${length}`);
  const json = clipConfigJson(checkpoint.config) as { text_config: object };
  const name = 'text_model.embeddings.position_embedding.weight';
  const { shape, data } = checkpoint.params[name]!;
  const width = shape[1]!;
  const positions = new Float32Array(length * width);
  positions.set(data);
  const last = positions.slice((before - 1) * width, before * width);
  for (let row = before; row < length; row++) positions.set(last, row * width);
  return {
    ...checkpoint,
    config: parseClipConfig({ ...json, text_config: { ...json.text_config, max_position_embeddings: length } }),
    params: { ...checkpoint.params, [name]: { shape: [length, width], data: positions } },
  };
}

/**
 * The same model for images of another size: position embeddings are resampled bilinearly, patches stay.
 *
 * @throws UserError where the size is no multiple of the patch
 */
export function withImageSize(checkpoint: Checkpoint, size: number): Checkpoint {
  const { image_size: before, patch_size: patch } = checkpoint.config.vision_config;
  if (size === before) return checkpoint;
  if (size % patch !== 0)
    throw new UserError(`image_size: expected a multiple of the patch size ${patch}, got ${size}`);
  const json = clipConfigJson(checkpoint.config) as { vision_config: object };
  const name = 'vision_model.embeddings.position_embedding.weight';
  const positions = regridPositions(checkpoint.params[name]!, before / patch, size / patch);
  return {
    ...checkpoint,
    config: parseClipConfig({ ...json, vision_config: { ...json.vision_config, image_size: size } }),
    params: { ...checkpoint.params, [name]: positions },
    preprocess: preprocessAt(checkpoint.preprocess, size),
  };
}
