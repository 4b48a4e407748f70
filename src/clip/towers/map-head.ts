import { layerNormLayer, linearLayer, mlp, param, selfAttention, type TensorTree } from '../../nn/index.js';
import { add, repeatBatch, reshape, slice, type Tensor } from '../../tensor/index.js';
import type { ClipConfig } from '../config.js';

const HEAD = 'vision_model.head';

/**
 * SigLIP's pooling by multi-head attention (MAP; Zhai et al., arXiv 2106.04560, section 3): one learned query attends to
 * all tokens, and a multilayer perceptron follows,
 *
 *     a = attention(probe, x),  head = a + mlp(norm(a))
 *
 * @param x normalised tokens [B, N, D]
 * @returns `pooled` [B, D], and `each` [B, N, D]: what the head would give if its query saw that token alone
 */
export function mapHead(
  p: TensorTree,
  vision: ClipConfig['vision_config'],
  x: Tensor,
): { pooled: Tensor; each: () => Tensor } {
  const { hidden_size: width, num_attention_heads: heads, hidden_act, layer_norm_eps: eps } = vision;
  const tree = separate(p, width);
  const rest = (attended: Tensor) =>
    add(attended, mlp(p, `${HEAD}.mlp`, layerNormLayer(p, `${HEAD}.layernorm`, attended, eps), hidden_act));
  const probe = repeatBatch(reshape(param(p, `${HEAD}.probe`), [1, width]), x); // [B, 1, D]
  const { output } = selfAttention(tree, 'head', x, heads, { queries: probe });
  return {
    pooled: reshape(rest(output), [x.shape[0]!, width]),
    each: () => rest(linearLayer(tree, 'head.out_proj', linearLayer(tree, 'head.v_proj', x))),
  };
}

/** The head's attention by the names of a block's: PyTorch's module holds query, key and value in one matrix. */
function separate(p: TensorTree, width: number): TensorTree {
  const tree: Record<string, Tensor> = {};
  for (const [i, part] of ['q_proj', 'k_proj', 'v_proj'].entries()) {
    for (const kind of ['weight', 'bias']) {
      const all = param(p, `${HEAD}.attention.in_proj_${kind}`);
      tree[`head.${part}.${kind}`] = slice(all, 0, i * width, (i + 1) * width);
    }
  }
  for (const kind of ['weight', 'bias']) tree[`head.out_proj.${kind}`] = param(p, `${HEAD}.attention.out_proj.${kind}`);
  return tree;
}
