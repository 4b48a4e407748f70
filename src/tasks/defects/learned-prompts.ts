import { textTower, tokenizeAll } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { Random } from '../../math/index.js';
import { type TowerModel, textRoom } from '../../model/index.js';
import { type Params, param, paramFeeds, paramInputs, type TensorTree } from '../../nn/index.js';
import { compile } from '../../runtime/index.js';
import { concat, constant, type HostTensor, l2Normalize, reshape, type Tensor } from '../../tensor/index.js';
import type { InspectOptions } from './image-program.js';

/** What stands behind the learned prompts: no product is named, so that they serve for all. */
const states = ['object', 'damaged object'] as const;

/**
 * Prompts as they start (AnomalyCLIP, Zhou et al., ICLR 2024, section 3.2): `n_ctx` vectors before each state, `text.1`, …
 * that both share in the deeper layers, and, where they are wanted, linear maps of layers, which start as the model's own
 * projection.
 *
 * @throws UserError for a visual student, which has no text tower, or more prompts than the model has positions for
 */
export function initPrompts(
  { config, params, projector, tokenizer }: TowerModel,
  { n_ctx, adapters }: { readonly n_ctx: number; readonly adapters: boolean },
  layers: readonly number[],
  seed: number,
): Params {
  if (projector) throw new UserError('the model is a visual student (cvpr2024): expected one with a text tower');
  const { hidden_size: width, num_hidden_layers: depth, max_position_embeddings: positions } = config.text_config;
  const longest = Math.max(...states.map((state) => tokenizer.tokens(state).length + 2));
  if (n_ctx + longest > positions) {
    throw new UserError(
      `tuning.n_ctx: expected at most ${positions - longest}, as the model has ${positions} positions for texts, got ${n_ctx}`,
    );
  }
  const random = new Random(seed, 'defect prompts');
  const vectors = () => ({
    shape: [n_ctx, width],
    data: Float32Array.from({ length: n_ctx * width }, () => 0.02 * random.normal()),
  });
  const learned: Params = { sound: vectors(), damaged: vectors() };
  for (let layer = 1; layer < depth; layer++) learned[`text.${layer}`] = vectors();
  if (!adapters) return learned;
  const projection = params['visual_projection.weight'];
  if (!projection)
    throw new UserError('tuning.adapters: expected a CLIP with a projection, got a SigLIP: set it to false');
  const outputs = projection.shape[0]!;
  for (const layer of layers) {
    learned[`layer.${layer}.weight`] = { shape: [...projection.shape], data: Float32Array.from(projection.data) };
    learned[`layer.${layer}.bias`] = { shape: [outputs], data: new Float32Array(outputs) };
  }
  return learned;
}

/** The unit features of sound and damaged that learned prompts give. [2, E] */
export function promptedStates(model: TowerModel, frozen: TensorTree, learned: TensorTree): Tensor {
  const { config, tokenizer } = model;
  const [count] = param(learned, 'sound').shape as [number];
  const limit = textRoom(config.text_config.max_position_embeddings, count);
  const { ids, ends, length } = tokenizeAll(tokenizer, states, limit);
  const first = concat([param(learned, 'sound'), param(learned, 'damaged')], 0);
  const prompts = [reshape(first, [2, count, first.shape[1]!])];
  for (let layer = 1; learned[`text.${layer}`]; layer++) prompts.push(learned[`text.${layer}`]!);
  const tower = textTower(
    frozen,
    config,
    constant({ shape: [2, length], data: ids }),
    constant({ shape: [2], data: ends }),
    { prompts, insert: true, pooledOnly: true },
  );
  return l2Normalize(tower.embed);
}

/** {@link promptedStates} as numbers: what a detector keeps of the prompts. */
export async function readStates(
  model: TowerModel,
  learned: Params,
  options: InspectOptions = {},
): Promise<HostTensor<Float32Array>> {
  const texts = promptedStates(model, paramInputs(model.params, 'model/'), paramInputs(learned, 'learned/'));
  const fixed = { ...paramFeeds(model.params, 'model/'), ...paramFeeds(learned, 'learned/') };
  const program = await compile({ outputs: { texts } }, { ...options, fixed });
  try {
    const { shape, data } = (await program.run({})).texts!;
    return { shape, data: Float32Array.from(data) };
  } finally {
    await program.dispose();
  }
}

/** The linear maps among what was learned. */
export const adaptersOf = (learned: Params): Params =>
  Object.fromEntries(Object.entries(learned).filter(([name]) => name.startsWith('layer.')));
