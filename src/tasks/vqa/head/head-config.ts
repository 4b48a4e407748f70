import { z } from 'zod';

const count = z.int().positive();

/** Shape of a head, and what it stands on. */
export const headConfig = z.strictObject({
  kind: z.literal('vqa-head'),
  version: z.literal(1),
  /** Width of its own tokens. */
  width: count,
  layers: z.int().min(1).max(2),
  heads: count,
  /** Hidden units of each layer's MLP. */
  intermediate_size: count,
  /** Layer of the vision tower whose patch tokens it reads, from 1. */
  vision_layer: count,
  /** Width and number of the patch tokens. */
  vision_width: count,
  patches: count,
  /** Width of question tokens and of answers: the model's joint space. */
  text_width: count,
  /** Tokens of a question that are read, start and end token included. */
  text_tokens: count,
  /** Whether it sees no image: the baseline that shows how much the questions alone give away. */
  blind: z.boolean(),
  /** The model that it was trained on: SHA-256 of its weights. */
  model: z.string(),
});

export type HeadConfig = z.infer<typeof headConfig>;
