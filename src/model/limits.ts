import type { Checkpoint } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { SavedVisualStudent } from '../model/index.js';
import type { SavedPrompts } from '../prompt/index.js';

/** What is exported: two towers, and the prompts they were trained with. */
export interface Student {
  readonly checkpoint: Checkpoint;
  readonly prompts?: SavedPrompts;
  /** Of a student of the CVPR 2024 recipe: its vision tower alone is exported, with its projector, and its classes. */
  readonly visual?: SavedVisualStudent;
}

/** Most tokens a text may have: inserted prompts take positions of the text tower, and their encoder has its own limit. */
export function maxTextLength({ checkpoint, prompts }: Student): number {
  const positions = checkpoint.config.text_config.max_position_embeddings;
  if (!prompts) return positions;
  const { n_ctx, text_layers, max_length } = prompts.config;
  return Math.min(max_length, text_layers > 0 ? positions - n_ctx : positions);
}

/** @throws UserError where the prompts were made for another student. */
export function checkPrompts({ checkpoint, prompts }: Student): void {
  if (!prompts) return;
  const { text_config: text, vision_config: vision } = checkpoint.config;
  const { config } = prompts;
  const faults: [field: string, expected: string, got: number, fits: boolean][] = [
    ['vision_width', `${vision.hidden_size}`, config.vision_width, config.vision_width === vision.hidden_size],
    ['text_width', `${text.hidden_size}`, config.text_width, config.text_width === text.hidden_size],
    ['vocab_size', `${text.vocab_size}`, config.vocab_size, config.vocab_size === text.vocab_size],
    [
      'vision_layers',
      `at most ${vision.num_hidden_layers}`,
      config.vision_layers,
      config.vision_layers <= vision.num_hidden_layers,
    ],
    [
      'text_layers',
      `at most ${text.num_hidden_layers}`,
      config.text_layers,
      config.text_layers <= text.num_hidden_layers,
    ],
  ];
  for (const [field, expected, got, fits] of faults) {
    if (!fits) {
      throw new UserError(
        `prompts: ${field}: expected ${expected} for this student, got ${got}: are they another student's prompts?`,
      );
    }
  }
  for (let l = 0; l < config.vision_layers; l++) {
    const prompt = prompts.vision[`vision.${l}`];
    const shape = [config.n_ctx, config.vision_width];
    if (prompt?.shape.join() !== shape.join()) {
      throw new UserError(
        `prompts: vision.${l}: expected [${shape.join(', ')}], got ${prompt ? `[${prompt.shape.join(', ')}]` : 'nothing'}`,
      );
    }
  }
}
