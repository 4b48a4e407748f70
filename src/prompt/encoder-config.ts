import { z } from 'zod';
import { parseJson } from '../files/index.js';
import { issueError } from '../schema-issue.js';
import type { PromptEncoderConfig } from './encoder.js';

// Far above every model there is: the weights are looked at afterwards.
const size = z.int().positive().max(16_777_216);
const layers = z.int().nonnegative().max(1024);
const schema = z.object({
  width: size,
  layers,
  heads: size,
  intermediate_size: size,
  vocab_size: size,
  max_length: size,
  n_ctx: size,
  text_layers: layers,
  vision_layers: layers,
  text_width: size,
  vision_width: size,
  shared_embedding_width: size.optional(),
});

/** A prompt encoder's configuration as a file of prompts holds it. @throws UserError naming the file and the field */
export function parseEncoderConfig(json: string, file: string): PromptEncoderConfig {
  const label = `${file}: metadata config`;
  const parsed = schema.safeParse(parseJson(json, label), { reportInput: true });
  if (parsed.success) return parsed.data;
  throw issueError(parsed.error.issues[0]!, label);
}
