import { visionTower } from '../clip/index.js';
import { type Params, paramFeeds, type TensorTree } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import type { Tensor } from '../tensor/index.js';
import type { EvaluatedModel } from './model.js';
import { type VisualHead, visualStudentFeatures } from './visual-student.js';

/** A model of the engine's own. */
export interface Towers extends Pick<EvaluatedModel, 'checkpoint' | 'prompts'> {
  readonly visual?: VisualHead;
}

/** The vision side of a model: pixels [B, 3, S, S] → features [B, P], with its prompts and its projector. */
export interface VisionSide {
  readonly params: Params;
  /** @param p `params` in a graph */
  features(p: TensorTree, pixels: Tensor): Tensor;
}

/** What a model makes image features with. */
export function visionSide({ checkpoint, prompts, visual }: Towers): VisionSide {
  const { config, params } = checkpoint;
  if (visual) {
    return {
      params: { ...params, ...paramFeeds(visual.prompts, 'prompts/'), ...paramFeeds(visual.projector, 'projector/') },
      features: (p, pixels) => {
        const parts = { params: p, prompts: below(p, 'prompts/'), projector: below(p, 'projector/') };
        return visualStudentFeatures(parts, config, pixels, 'running').features;
      },
    };
  }
  return {
    params: { ...params, ...prompts?.vision },
    features: (p, pixels) =>
      visionTower(p, config, pixels, { prompts: deepPrompts(p, 'vision'), pooledOnly: true }).embed,
  };
}

/** The tensors below a prefix, without it. */
function below(p: TensorTree, prefix: string): TensorTree {
  const own = Object.entries(p).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
