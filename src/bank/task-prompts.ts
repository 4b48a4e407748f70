import { textTower } from '../clip/index.js';
import { type GraphModel, partOf, type TowerModel, textLimit, textRoom } from '../model/index.js';
import type { Params, TensorTree } from '../nn/index.js';
import { deepPrompts, initDeepPrompts, promptedTextTower } from '../prompt/index.js';
import type { Tensor } from '../tensor/index.js';

/** How many prompts a task has, and in how many layers; towers with fewer layers get one set a layer. */
export interface TaskPromptShape {
  readonly n_ctx: number;
  readonly depth: number;
}

/** Layers of the text tower that have prompts in this student; its encoder, where there is one, has decided. */
function textShape({ config, prompts }: TowerModel, { n_ctx, depth }: TaskPromptShape) {
  if (prompts?.encoder) return { n_ctx: prompts.config.n_ctx, depth: prompts.config.text_layers };
  return { n_ctx, depth: Math.min(depth, config.text_config.num_hidden_layers) };
}

/**
 * Prompts of a new task. They start as what the student does without them, where it has prompts: from its own vision
 * prompts, and from nothing added to what its encoder makes of a text. A student without prompts gets fresh ones (see
 * `initDeepPrompts`), a visual student none for texts.
 */
export function initTaskPrompts(student: TowerModel, shape: TaskPromptShape, seed: number): Params {
  const { config, prompts, projector } = student;
  const own = deepPrompts(prompts?.vision ?? {}, 'vision');
  const { hidden_size: width, num_hidden_layers: layers } = config.vision_config;
  const vision: Params =
    own.length > 0
      ? Object.fromEntries(own.map(({ shape: size, data }, l) => [`vision.${l}`, { shape: size, data: data.slice() }]))
      : initDeepPrompts('vision', { n_ctx: shape.n_ctx, depth: Math.min(shape.depth, layers), width }, seed);
  if (projector) return vision;
  const text = { ...textShape(student, shape), width: config.text_config.hidden_size };
  const fresh = initDeepPrompts('text', text, seed);
  if (prompts?.encoder) for (const { data } of Object.values(fresh)) data.fill(0);
  return { ...vision, ...fresh };
}

/**
 * Text features [N, P], not normalised, with a task's text prompts: added to those that the student's encoder makes of each
 * text, or inserted behind the start token where it has none.
 *
 * @param p the student's weights, by the names of `modelWeights`
 * @param own the task's `text.0`, … [n, D]; none: the student as it is
 * @param ids [N, L] int32, with room for the prompts: see `taskTextLimit`
 * @param ends [N] int32
 */
export function taskTextFeatures(
  p: TensorTree,
  { config, prompts }: GraphModel,
  own: readonly Tensor[],
  ids: Tensor,
  ends: Tensor,
): Tensor {
  if (!prompts?.encoder) return textTower(p, config, ids, ends, { insert: true, pooledOnly: true, prompts: own }).embed;
  const options = { pooledOnly: true, added: own };
  return promptedTextTower(p, config, partOf(p, 'encoder'), prompts.config, ids, ends, options).embed;
}

/** Most tokens of a text, with room for a task's prompts. */
export function taskTextLimit(student: TowerModel, prompts: Params): number {
  if (student.prompts?.encoder) return textLimit(student);
  return textRoom(student.config.text_config.max_position_embeddings, prompts['text.0']?.shape[0] ?? 0);
}
