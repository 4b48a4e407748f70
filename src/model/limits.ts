import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { Model, TowerModel } from './model.js';

/** Tokens of a text that a text tower has positions for, with so many prompts inserted. */
export function textRoom({ text_config }: Pick<ClipConfig, 'text_config'>, prompts: number): number {
  return text_config.max_position_embeddings - prompts;
}

/** Most tokens of a text: inserted prompts take positions of the text tower, and the prompt encoder has its own limit. */
export function textLimit(model: Pick<Model, 'config'> & Pick<TowerModel, 'prompts'>): number {
  const { config, prompts } = model;
  if (!prompts?.encoder) return textRoom(config, 0);
  const { text_layers, n_ctx, max_length } = prompts.config;
  return Math.min(max_length, textRoom(config, text_layers > 0 ? n_ctx : 0));
}

/** @throws UserError where a prompt encoder and its prompts were made for another model. */
export function checkPrompts({ config: towers, prompts }: Pick<TowerModel, 'config' | 'prompts'>): void {
  if (!prompts?.encoder) return;
  const { text_config: text, vision_config: vision } = towers;
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
