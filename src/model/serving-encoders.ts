import { OnnxPair } from '../clip/index.js';
import { UserError } from '../errors.js';
import { type CompileOptions, OnnxFile } from '../runtime/index.js';
import { toOnnx } from '../tensor/index.js';
import { exportGraph, type GraphName } from './export-graphs.js';
import { exportedPrompts } from './fold.js';
import { textLimit } from './limits.js';
import { type EncoderModel, logitBias, type TowerModel } from './model.js';

/**
 * A model for inference, batch and text length left open: the graphs that its export would have, prompts folded, without
 * writing them.
 *
 * @throws UserError for a visual student, which has no text encoder
 */
export async function servingEncoders(
  model: TowerModel,
  options: Pick<CompileOptions, 'device' | 'threads'> = {},
): Promise<EncoderModel> {
  const { params, config, preprocess, tokenizer, classes, training, source } = model;
  if (model.projector) {
    throw new UserError(
      `${source?.folder ?? 'the model'}: a visual student (cvpr2024) reads no texts: expected a model with a text tower; export it, and use its vision model with classifier.safetensors`,
    );
  }
  const vision = await exportedPrompts(model);
  const open = (name: GraphName) => {
    const { outputs, weights } = exportGraph(name, model, vision);
    return OnnxFile.open(toOnnx({ outputs, initializers: weights }).bytes, options);
  };
  const images = await open('vision_model');
  const texts = await open('text_model').catch(async (error) => {
    await images.dispose();
    throw error;
  });
  const limited = { ...config, text_config: { ...config.text_config, max_position_embeddings: textLimit(model) } };
  const logitScale = params.logit_scale!.data[0]!;
  const encoders = new OnnxPair(images, texts, limited, preprocess, tokenizer, logitScale, '', [], logitBias(model));
  return { encoders, config: limited, preprocess, tokenizer, classes, training, source };
}
