import { z } from 'zod';
import { intoRanks, paramInputs, subset } from '../../nn/index.js';
import { tokenMask } from '../../prompt/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { defineLoss, type LossContext, lossFields } from './loss.js';

/**
 * Cross-modal attention: where an image's patches look in its caption, by the student's learned W_q and W_k and by the
 * teacher's cosines in the joint space: ‖softmax((V W_q)(X W_k)ᵀ / √d) − softmax(cos / τ)‖² / elements. Texts that the
 * two tokenizers cut into other tokens are compared word by word.
 */
export const crossModal = defineLoss({
  name: 'cross_modal',
  label: 'Cross-modal attention',
  about: 'Distance of the maps from patches to words.',
  schema: z
    .object({
      ...lossFields(10),
      /** d, the width of W_q and W_k. */
      dim: z.number().int().positive().default(32),
      /** Temperature of the teacher's cosines. */
      temperature: z.number().positive().default(0.1),
    })
    .prefault({}),
  partOf: 'attention',
  coordination: 'gamma',
  requires: { innerStates: 'always', captions: 'it compares images with their captions' },
  // By their columns, which are what the map's scores are sums over.
  split: { axes: { 'cross.query': 1, 'cross.key': 1 }, field: 'dim' },
  stored: (_, { vision_config }) => ({ hidden: [vision_config.num_hidden_layers], words: true }),
  heads({ student, random }, { dim }) {
    const normal = (name: string, width: number) => {
      const draw = random(name);
      const data = Float32Array.from({ length: width * dim }, () => draw.normal() * width ** -0.5);
      return { shape: [width, dim], data };
    };
    return {
      'cross.query': normal('cross.query', student.vision_config.hidden_size),
      'cross.key': normal('cross.key', student.text_config.hidden_size),
    };
  },
  build(context, { temperature }) {
    const { ownCaptions: captions, fed, heads, ranks, target } = context;
    const words = context.words();
    const patches = context.tokens(context.image.hidden.length - 1);
    const mask = tokenMask(t.slice(context.ends, 0, 0, captions), words); // [B, L]
    const student = studentCrossMap(
      t.slice(patches, 1, 1),
      t.slice(words, 0, 0, captions),
      mask,
      heads['cross.query']!,
      heads['cross.key']!,
      ranks,
    );
    const read = target('words');
    // Another tokenizer's tokens have no partners, but whole words do: a word has the attention of its tokens.
    const [own, theirs] = [fed['align/student'], fed['align/teacher']];
    const readMask = own ? tokenMask(target('words_ends'), read) : mask;
    const teacher = teacherCrossMap(jointPatches(context), read, readMask, temperature);
    return context.own(
      own && theirs
        ? crossModalLoss(t.matmul(student, own), t.matmul(teacher, theirs))
        : crossModalLoss(student, teacher),
    );
  },
});

const PATCH_PARAMS = [
  'vision_model.post_layernorm.weight',
  'vision_model.post_layernorm.bias',
  'visual_projection.weight',
];

/** The teacher's patch tokens in the joint space, from its stored last layer: [B, patches, P]. */
function jointPatches({ teacher, target }: LossContext): Tensor {
  const p = paramInputs(subset(teacher.params, PATCH_PARAMS), 'teacher/');
  const { num_hidden_layers: last, layer_norm_eps: eps } = teacher.config.vision_config;
  const patches = t.slice(target(`hidden.${last}`), 1, 1);
  return t.linear(t.layerNorm(patches, p[PATCH_PARAMS[0]!]!, p[PATCH_PARAMS[1]!]!, eps), p[PATCH_PARAMS[2]!]!);
}

/** Added to the scores of padding, so that softmax gives it nothing. */
const NEVER = -1e9;

/** 0 where a text token counts and a very negative number where it is padding. [B, L] → [B, 1, L] */
function keyBias(mask: Tensor): Tensor {
  const [batch, length] = mask.shape as number[];
  return t.reshape(t.mul(t.sub(1, mask), NEVER), [batch!, 1, length!]);
}

/**
 * The student's cross-modal map: attention of an image's patches over the tokens of its text,
 * softmax((V W_q)(X W_k)ᵀ / √d).
 *
 * @param patches V [B, P, D_v], without class token and prompts
 * @param words X [B, L, D_x], without prompts
 * @param mask [B, L]: 1 a token, 0 padding
 * @param query W_q [D_v, d / ranks]
 * @param key W_k [D_x, d / ranks]
 * @param ranks N: each has d / N of the columns, and the scores are summed over the ranks before the softmax
 * @returns [B, P, L]
 */
export function studentCrossMap(
  patches: Tensor,
  words: Tensor,
  mask: Tensor,
  query: Tensor,
  key: Tensor,
  ranks = 1,
): Tensor {
  const d = (query.shape[1] as number) * ranks;
  const queries = t.matmul(intoRanks(patches, ranks), query, { full: true }); // [B, P, d / N]
  const keys = t.matmul(intoRanks(words, ranks), key, { full: true }); // [B, L, d / N]
  const own = t.matmul(queries, keys, { transposeB: true, full: true });
  const scores = ranks > 1 ? t.sumOverRanks(own) : own; // [B, P, L]
  return t.softmax(t.add(t.mul(scores, 1 / Math.sqrt(d)), keyBias(mask)));
}

/**
 * The teacher's cross-modal map: softmax(cos(v_p, x_l) / τ) of patches and tokens in the joint space.
 *
 * @param patches [B, P, J]: patch tokens after the last layer norm and the visual projection
 * @param words [B, L, J]: text tokens after theirs
 * @param mask [B, L]
 * @param temperature τ: 1 is the plain softmax of cosines, whose rows are all nearly even; smaller is sharper
 * @returns [B, P, L], without gradient
 */
export function teacherCrossMap(patches: Tensor, words: Tensor, mask: Tensor, temperature: number): Tensor {
  const cosines = t.matmul(t.l2Normalize(patches), t.l2Normalize(words), { transposeB: true, full: true }); // [B, P, L]
  return t.stopGradient(t.softmax(t.add(t.mul(cosines, 1 / temperature), keyBias(mask))));
}

/** Element-wise MSE between the two cross-modal maps [B, P, L]. */
export function crossModalLoss(student: Tensor, teacher: Tensor): Tensor {
  return t.mean(t.square(t.sub(student, teacher)));
}
