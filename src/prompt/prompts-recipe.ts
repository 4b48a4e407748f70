import { z } from 'zod';
import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { PromptEncoderConfig } from './encoder.js';

const count = z.number().int().positive();

/** The prompt encoder, and how many prompts it makes. */
export const promptsSchema = z.object({
  enabled: z.boolean().default(true),
  /** Prompt vectors a layer. */
  n_ctx: count.default(2),
  /** Prompted layers, from the first; left out: all. */
  text_layers: z.number().int().min(0).optional(),
  vision_layers: z.number().int().min(0).optional(),
  /** The prompt encoder's Transformer. */
  width: count.default(48),
  layers: count.default(2),
  heads: count.default(4),
  intermediate_size: count.default(96),
  /** `shared`: the student's token embedding, projected to the encoder's width. */
  embedding: z.enum(['own', 'shared']).default('shared'),
});

/** The shape of the prompt encoder that a recipe gives a student. */
export function promptConfig(
  recipe: { readonly prompts: z.infer<typeof promptsSchema> },
  student: ClipConfig,
  maxLength: number,
): PromptEncoderConfig {
  const { prompts } = recipe;
  const { text_config: text, vision_config: vision } = student;
  if (prompts.width % prompts.heads !== 0) {
    throw new UserError(`prompts.heads: expected a divisor of prompts.width ${prompts.width}, got ${prompts.heads}`);
  }
  const layers = (name: 'text_layers' | 'vision_layers', all: number) => {
    const n = prompts[name] ?? all;
    if (n > all) throw new UserError(`prompts.${name}: expected at most ${all}, the student's layers, got ${n}`);
    return n;
  };
  return {
    width: prompts.width,
    layers: prompts.layers,
    heads: prompts.heads,
    intermediate_size: prompts.intermediate_size,
    vocab_size: text.vocab_size,
    max_length: maxLength,
    n_ctx: prompts.n_ctx,
    text_layers: layers('text_layers', text.num_hidden_layers),
    vision_layers: layers('vision_layers', vision.num_hidden_layers),
    text_width: text.hidden_size,
    vision_width: vision.hidden_size,
    ...(prompts.embedding === 'shared' ? { shared_embedding_width: text.token_rank ?? text.hidden_size } : {}),
  };
}
