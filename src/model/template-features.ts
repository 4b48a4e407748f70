import type { Checkpoint } from '../clip/index.js';
import { classText } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import { type TextFeatureOptions, teacherTextFeatures } from './prompted-teacher.js';
import { tokenized } from './tokenized.js';

/**
 * The frozen model's class features [N, P], of any length: the mean over templates (`{}` or `[OBJ]` stands for the name) of
 * unit features, as CLIP's zero-shot classifier has it; or with `raw` of the features as they are, as PromptSRC's code.
 */
export async function templateFeatures(
  { config, params, tokenizer }: Checkpoint,
  names: readonly string[],
  templates: readonly string[],
  options?: TextFeatureOptions,
): Promise<HostTensor<Float32Array>> {
  const limit = config.text_config.max_position_embeddings;
  const texts = templates.flatMap((template) => names.map((name) => classText(template, name)));
  const { data } = await teacherTextFeatures(
    { config, params, prompts: {} },
    tokenized(tokenizer, texts, limit),
    options,
  );
  const mean = new Float32Array(names.length * config.projection_dim);
  for (const [i, x] of data.entries()) mean[i % mean.length]! += x / templates.length;
  return { shape: [names.length, config.projection_dim], data: mean };
}
