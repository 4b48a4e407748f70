import type { ShardAxis } from '../runtime/index.js';
import { dtypeOf, type HostTensor, input, type Tensor } from '../tensor/index.js';
import { shardAxis, shardShape } from './shard-axis.js';

/** Parameters by Hugging Face name, e.g. `vision_model.encoder.layers.0.self_attn.q_proj.weight`. */
export type Params = Record<string, HostTensor>;
/** The same tree in a traced graph. */
export type TensorTree = Readonly<Record<string, Tensor>>;

/** One graph input a parameter, named `prefix + name`; feed it with {@link paramFeeds}. With `ranks`, of one rank's part. */
export function paramInputs(
  params: Params,
  prefix = '',
  ranks = 1,
  axis: ShardAxis = shardAxis,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(params).map(([name, { shape, data }]) => [
      name,
      input(prefix + name, shardShape(shape, axis(name), ranks), dtypeOf(data)),
    ]),
  );
}

/** The feeds for inputs made by {@link paramInputs}: the arrays themselves, so that updates in place are seen. */
export function paramFeeds(params: Params, prefix = ''): Record<string, HostTensor> {
  return prefixed(params, prefix);
}

/** The same values under the names of {@link paramInputs}. */
export function prefixed<V>(tree: Readonly<Record<string, V>>, prefix: string): Record<string, V> {
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [prefix + name, value]));
}

/** The same parameters in arrays of their own. */
export function copyParams(params: Params): Params {
  return Object.fromEntries(
    Object.entries(params).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
}

/** A parameter by name. @throws naming what is missing. */
export function param(p: TensorTree, name: string): Tensor {
  const tensor = p[name];
  if (!tensor) throw new Error(`parameter ${name} is missing`);
  return tensor;
}
