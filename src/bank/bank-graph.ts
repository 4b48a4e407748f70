import {
  type GraphModel,
  imageFeatures,
  logitFactor,
  modelWeights,
  type TowerModel,
  withWeights,
} from '../model/index.js';
import { type Params, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import {
  add,
  cast,
  concat,
  constant,
  equal,
  gather,
  type HostTensor,
  l2Normalize,
  matmul,
  minimum,
  mul,
  reshape,
  sum,
  type Tensor,
  where,
} from '../tensor/index.js';
import type { Bank } from './bank.js';
import { routeImages } from './routing.js';

/** The frozen student with what tasks share in place of its own. */
export const sharedModel = ({ frozen, shared }: Pick<Bank, 'frozen' | 'shared'>): TowerModel =>
  withWeights(frozen, shared);

/** A bank's images in a graph. */
export interface BankImages {
  /** Features of the plain student [B, P], of unit length: also the queries by which images are routed. */
  readonly plain: Tensor;
  /** Features with the prompts of the image's task, or of the mixture [B, P], of unit length; the plain ones where there is none. */
  readonly routed: Tensor;
  /** Index of the image's task [B] int32, the number of tasks where there is none. Left out of a mixture. */
  readonly task?: Tensor;
  /** See `routeImages`. */
  readonly scores?: Tensor;
}

/** All weights of a bank's graphs, by input name: the frozen student's, and below `shared/` what stands in their place. */
export function bankWeights({ frozen, shared }: Pick<Bank, 'frozen' | 'shared'>): Record<string, HostTensor> {
  return { ...modelWeights(frozen), ...paramFeeds(shared, 'shared/') };
}

/** The weights with which tasks' features are made, as inputs of a graph: what is shared in place of the frozen ones. */
export function sharedInputs({ shared }: Pick<Bank, 'shared'>, base: TensorTree): TensorTree {
  return { ...base, ...paramInputs(shared, 'shared/') };
}

/**
 * Images through a bank: a pass of the plain student that makes the queries, and a pass with the prompts that they choose.
 * Weights are inputs, see {@link bankWeights}; prompts and keys are constants.
 *
 * @param bank with prompts of its tasks' own
 * @param pixels [B, 3, S, S], B may be open
 * @param base the frozen student's weights
 * @param shared those with which tasks' features are made
 */
export function bankImages(bank: Bank, pixels: Tensor, base: TensorTree, shared: TensorTree): BankImages {
  const { frozen, tasks, routing } = bank;
  const plain = l2Normalize(imageFeatures(base, frozen, pixels));
  if (routing === 'mixture') {
    const all = mixtureOf(tasks.map(({ prompts }) => prompts));
    const constants = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, constant(value)]));
    return { plain, routed: l2Normalize(withPrompts(shared, frozen, pixels, mixedPrompts(constants, plain))) };
  }
  const { task, scores } = routeImages(
    plain,
    tasks.map(({ keys }) => keys),
    logitFactor(frozen),
  );
  // Images of no task take the last one's prompts along, and what comes of it is not looked at.
  const last = tasks.length - 1;
  const chosen = cast(minimum(cast(task, 'float32'), last), 'int32');
  const prompts = deepPrompts(tasks[0]!.prompts, 'vision').map(({ shape }, l) => {
    const [count, width] = shape as [number, number];
    const table = tasks.map(({ prompts: own }) => reshape(constant(own[`vision.${l}`]!), [1, count * width]));
    return reshape(gather(concat(table, 0), chosen), [pixels.shape[0]!, count, width]); // [B, n, D]
  });
  const prompted = l2Normalize(withPrompts(shared, frozen, pixels, prompts));
  const isPlain = reshape(equal(task, constant({ shape: [], data: Int32Array.of(tasks.length) })), [
    pixels.shape[0]!,
    1,
  ]);
  return { plain, routed: where(isPlain, plain, prompted), task, scores };
}

const withPrompts = (p: TensorTree, model: GraphModel, pixels: Tensor, prompts: readonly Tensor[]): Tensor =>
  imageFeatures(p, model, pixels, { prompts });

/** The components of all tasks, one after the other: `vision.0`, … [M, n, D], `attention` and `key` [M, P]. */
export function mixtureOf(tasks: readonly Params[]): Params {
  return Object.fromEntries(
    Object.keys(tasks[0]!).map((name) => {
      const parts = tasks.map((own) => own[name]!);
      const rows = parts.reduce((count, { shape }) => count + shape[0]!, 0);
      const data = new Float32Array(parts.reduce((size, part) => size + part.data.length, 0));
      let from = 0;
      for (const part of parts) {
        data.set(part.data, from);
        from += part.data.length;
      }
      return [name, { shape: [rows, ...parts[0]!.shape.slice(1)], data }];
    }),
  );
}

/**
 * A mixture of prompt components for each image (CODA-Prompt, Smith et al., arXiv 2211.13218, equations 3 and 5):
 *
 *     α_m = cos(q ∘ A_m, K_m),  prompt = Σ_m α_m P_m
 *
 * @param parts see {@link mixtureOf}
 * @param queries [B, P]
 * @returns a prompted layer's [B, n, D]
 */
export function mixedPrompts(parts: TensorTree, queries: Tensor): Tensor[] {
  const [count, width] = parts.key!.shape as [number, number];
  const batch = queries.shape[0]!;
  const asked = mul(reshape(queries, [batch, 1, width]), reshape(parts.attention!, [1, count, width])); // [B, M, P]
  const weights = sum(mul(l2Normalize(asked), reshape(l2Normalize(parts.key!), [1, count, width])), [-1]); // [B, M]
  return deepPrompts(parts, 'vision').map((prompt) => {
    const [, n, d] = prompt.shape as [number, number, number];
    return reshape(matmul(weights, reshape(prompt, [count, n * d])), [batch, n, d]);
  });
}

/** Sum of squares of what `parts`' rows lack to be orthogonal: mean((BBᵀ − I)²) of attention, keys and prompts (CODA-Prompt, section 4.3). */
export function orthogonality(parts: TensorTree): Tensor {
  const each = Object.values(parts).map((part) => {
    const rows = part.shape[0] as number;
    const flat = l2Normalize(reshape(part, [rows, -1]));
    const unit = new Float32Array(rows * rows);
    for (let i = 0; i < rows; i++) unit[i * (rows + 1)] = 1;
    const gap = add(matmul(flat, flat, { transposeB: true }), mul(constant({ shape: [rows, rows], data: unit }), -1));
    return mul(sum(mul(gap, gap)), 1 / (rows * rows));
  });
  return each.reduce((a, b) => add(a, b));
}
