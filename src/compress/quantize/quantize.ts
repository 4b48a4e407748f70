import { type TowerModel, withWeights } from '../../model/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { dequantize, type QuantizedTensor, roundTo, weightGrid } from '../../weight-formats/index.js';
import { compensated } from './gptq.js';
import { type Mixture, weightsOf } from './mixture.js';
import { type Moments, meanSquares } from './moments.js';

/**
 * How weights are rounded:
 *
 * - `nearest`: each to the nearest value, a block's largest at the grid's end
 * - `scales`: the same, with each block's scale chosen by the error it leaves, weighted by what the weights are multiplied by
 * - `gptq`: `scales`, and codes that make up for each other's errors ({@link compensated}); what is no linear layer, and so
 *   has no moments, is rounded as by `scales`
 * - `gptaq`: the same layer by layer, each made up for the errors of those before it (Li et al. 2025)
 */
export const roundings = ['nearest', 'scales', 'gptq', 'gptaq'] as const;
/** How weights are rounded to a format's values. */
export type Rounding = (typeof roundings)[number];
/** Those that round each weight for itself. */
export type LocalRounding = Exclude<Rounding, 'gptaq'>;

export interface QuantizeOptions {
  /** @defaultValue 'gptq' */
  readonly rounding?: LocalRounding;
  /** Of what each linear layer is fed, by the weight's name. */
  readonly moments?: Moments;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface QuantizedStudent {
  /** The student with the values that its weights have in few bits. */
  readonly student: TowerModel;
  /** Those weights as they are stored. */
  readonly tensors: Readonly<Record<string, QuantizedTensor>>;
}

/** A student in few bits. */
export async function quantizeStudent(
  student: TowerModel,
  mixture: Mixture,
  { moments = {}, rounding, signal, onProgress }: QuantizeOptions = {},
): Promise<QuantizedStudent> {
  const chosen = Object.entries(weightsOf(student)).flatMap(([name, weight]) => {
    const scheme = mixture[name] ?? 'fp32';
    return scheme === 'fp32' ? [] : [{ name, weight, scheme }];
  });
  const tensors: Record<string, QuantizedTensor> = {};
  const values: Record<string, HostTensor> = {};
  for (const [done, { name, weight, scheme }] of chosen.entries()) {
    signal?.throwIfAborted();
    tensors[name] = await quantizeWeight(weight, scheme, moments[name], rounding);
    values[name] = dequantize(tensors[name]);
    onProgress?.(done + 1, chosen.length);
  }
  return { student: withWeights(student, values), tensors };
}

/** One weight in a scheme, rounded as asked, where its moments are known by them. */
export async function quantizeWeight(
  weight: HostTensor,
  scheme: QuantizedTensor['scheme'],
  moments?: HostTensor<Float32Array>,
  rounding: LocalRounding = 'gptq',
): Promise<QuantizedTensor> {
  if (rounding === 'nearest') return roundTo(weightGrid(weight, scheme), weight);
  const grid = weightGrid(weight, scheme, { search: true, energy: moments && meanSquares(moments) });
  return moments && rounding === 'gptq' ? compensated(grid, weight, moments) : roundTo(grid, weight);
}
