import { collect } from './onnx.js';
import type { Tensor } from './tensor.js';

/** The graph inputs that a tensor is computed from, by name. */
export function inputsOf(tensor: Tensor): Record<string, Tensor> {
  return Object.fromEntries(collect([tensor]).inputs.map((input) => [input.name!, input]));
}
