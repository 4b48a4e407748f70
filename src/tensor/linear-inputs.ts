import { collect } from './onnx.js';
import type { Tensor } from './tensor.js';

/**
 * What the linear layers behind some outputs are fed, by the name of the graph input that is their weight: x [M, I] of
 * x Wᵀ, leading axes flattened. For calibration, which needs what a weight is multiplied by.
 */
export function linearInputs(outputs: readonly Tensor[]): Record<string, Tensor> {
  const found: Record<string, Tensor> = {};
  for (const { op, inputs } of collect(outputs).nodes) {
    const weight = op.weight === undefined ? undefined : inputs[op.weight]!.name;
    if (weight !== undefined) found[weight] = inputs[0]!;
  }
  return found;
}
