import { type ClipConfig, familyOf } from '../clip/index.js';
import { layerNormLayer, linearLayer, type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import { compile } from '../runtime/index.js';
import { constant, type HostTensor, type Tensor } from '../tensor/index.js';
import type { TowerModel } from './model.js';

/** Vision prompts as the exported tower uses them, a place a layer. */
export interface VisionPrompts {
  /** Prompts that are tokens of the sequence [n, D]. */
  readonly tokens: readonly (HostTensor | undefined)[];
  /** Prompts folded into constant keys and values, each [n, D]. */
  readonly prefixes: readonly ({ readonly key: HostTensor; readonly value: HostTensor } | undefined)[];
}

/** The saved vision prompts as tokens, in layer order. */
export function promptTokens(vision: Params): VisionPrompts {
  return { tokens: deepPrompts(vision, 'vision'), prefixes: [] };
}

/** A model's vision prompts as its exported tower uses them: folded, or as tokens; undefined where it has none. */
export async function exportedPrompts(
  { params, config, prompts }: TowerModel,
  fold = true,
): Promise<VisionPrompts | undefined> {
  if (!prompts) return undefined;
  return fold ? foldVisionPrompts(params, config, prompts.vision) : promptTokens(prompts.vision);
}

/**
 * Folds deep vision prompts into constant keys and values.
 *
 * A prompt c enters its layer as a constant, so its key W_k LN(c) + b_k and value W_v LN(c) + b_v are constants too.
 * What the layer makes of the prompt tokens themselves is dropped where the next layer replaces them, and after the
 * last layer, of which only the class token (of SigLIP: the patches) is read. There the tokens need not be in the
 * sequence at all. Where the prompts of the last prompted layer flow on through layers without prompts, they stay tokens
 * from that layer on.
 *
 * @throws Error naming a parameter that is missing
 */
export async function foldVisionPrompts(params: Params, config: ClipConfig, vision: Params): Promise<VisionPrompts> {
  const all = promptTokens(vision).tokens as HostTensor[];
  const { num_hidden_layers: layers, layer_norm_eps: eps } = config.vision_config;
  const folded = all.length === layers ? layers : Math.max(0, all.length - 1);
  if (folded === 0) return { tokens: all, prefixes: [] };
  const { hasClassToken } = familyOf(config);
  const p = paramInputs(params);
  const outputs: Record<string, Tensor> = {};
  for (let l = 0; l < folded; l++) {
    const given = constant(all[l]!);
    const prompt = l === 0 && hasClassToken ? layerNormLayer(p, 'vision_model.pre_layrnorm', given, eps) : given;
    const layer = `vision_model.encoder.layers.${l}`;
    const x = layerNormLayer(p, `${layer}.layer_norm1`, prompt, eps);
    outputs[`${l}.key`] = linearLayer(p, `${layer}.self_attn.k_proj`, x);
    outputs[`${l}.value`] = linearLayer(p, `${layer}.self_attn.v_proj`, x);
  }
  const program = await compile({ outputs }, { threads: 1 });
  try {
    const made = await program.run(paramFeeds(params));
    return {
      tokens: all.map((prompt, l) => (l < folded ? undefined : prompt)),
      prefixes: Array.from({ length: folded }, (_, l) => ({ key: made[`${l}.key`]!, value: made[`${l}.value`]! })),
    };
  } finally {
    await program.dispose();
  }
}
