import { modelWeights, PARTS, type TowerModel } from '../../model/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { Scheme } from '../../weight-formats/index.js';

/** The scheme of each weight, by the name that {@link weightsOf} gives it; what is not named stays float32. */
export type Mixture = Readonly<Record<string, Scheme>>;

/** What is stored in few bits or may be: all that a model has learned but its vision prompts, as {@link modelWeights}. */
export function weightsOf(model: TowerModel): Record<string, HostTensor> {
  return Object.fromEntries(Object.entries(modelWeights(model)).filter(([name]) => !name.startsWith(PARTS.vision)));
}

/** Named mixtures: what the towers' linear layers become. */
export const mixtures = ['nf4', 'codebook', 'int4', 'int4-sym', 'int8', 'fp8'] as const;
/** A weight format for all linear layers, or a mixture of several. */
export type MixtureName = (typeof mixtures)[number];

/**
 * A mixture by the kind of each weight. The linear layers of both towers are stored as `scheme`; in FP8 what few bits hurt:
 * patch, token and position embeddings, projections, and of each tower the first linear layers (queries, keys and values of
 * the first block, which read the embeddings) and the last (the last block's `fc2`). Norms, biases, logit_scale and the
 * prompt encoder stay float32. `nf4` is the default; `int8` is everywhere the same.
 */
export function mixtureOf(student: TowerModel, scheme: MixtureName = 'nf4'): Mixture {
  const { vision_config: vision, text_config: text } = student.config;
  const last = { vision_model: vision.num_hidden_layers - 1, text_model: text.num_hidden_layers - 1 };
  const careful: Scheme = scheme === 'int8' ? 'int8' : 'fp8';
  const mixture: Record<string, Scheme> = {};
  for (const [name, { shape }] of Object.entries(student.params)) {
    if (shape.length < 2) continue;
    const layer = /^(vision_model|text_model)\.encoder\.layers\.(\d+)\.(.+)\.weight$/.exec(name);
    const [, tower, index, part] = layer ?? [];
    const first = Number(index) === 0 && /^self_attn\.[qkv]_proj$/.test(part!);
    const end = Number(index) === last[tower as keyof typeof last] && part === 'mlp.fc2';
    mixture[name] = !layer || first || end ? careful : scheme;
  }
  return mixture;
}

/** The same mixture for a runtime that has other schemes: `q8` is INT8 everywhere, `q4` has evenly spaced 4-bit values. */
export function mixtureFor(dtype: 'q8' | 'q4' | 'bnb4', mixture: Mixture): Mixture {
  const change = (scheme: Scheme): Scheme => {
    if (scheme === 'fp32' || dtype === 'bnb4') return scheme;
    if (dtype === 'q8') return 'int8';
    return scheme === 'nf4' || scheme === 'codebook' ? 'int4' : scheme;
  };
  return Object.fromEntries(Object.entries(mixture).map(([name, scheme]) => [name, change(scheme)]));
}
