import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { type CompileOptions, compile } from '../runtime/index.js';
import { type HostTensor, input } from '../tensor/index.js';
import { encodePromptTexts, type PromptEncoderConfig, visionPrompts } from './encoder.js';

/**
 * The vision prompts for a whole task: from all its class texts, where a training step sees some of them.
 *
 * @param embedding the text tower's token embedding, which the encoder may share
 * @param ids [N, L] int32, one text a class
 * @param ends [N] int32
 */
export async function taskPrompts(
  { params, config }: { readonly params: Params; readonly config: PromptEncoderConfig },
  embedding: HostTensor,
  { ids, ends }: { readonly ids: HostTensor; readonly ends: HostTensor },
  options?: CompileOptions,
): Promise<Params> {
  if (config.vision_layers === 0) return {};
  const p = paramInputs(params);
  const shared = config.shared_embedding_width === undefined ? undefined : input('embedding', embedding.shape);
  const fed = [input('ids', ids.shape, 'int32'), input('ends', ends.shape, 'int32')] as const;
  const texts = encodePromptTexts(p, config, ...fed, shared);
  const outputs = Object.fromEntries(visionPrompts(p, config, texts).map((prompt, l) => [`vision.${l}`, prompt]));
  const program = await compile({ outputs }, options);
  try {
    const made = await program.run({ ...paramFeeds(params), embedding, ids, ends });
    return Object.fromEntries(
      Object.entries(made).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
    );
  } finally {
    await program.dispose();
  }
}
