import { UserError } from '../errors.js';
import type { Model, TowerModel } from './model.js';

/** Most tokens of a text: inserted prompts take positions of the text tower, and the prompt encoder has its own limit. */
export function textLimit(model: Pick<Model, 'config'> & Pick<TowerModel, 'prompts'>): number {
  const { max_position_embeddings: positions } = model.config.text_config;
  if (!model.prompts?.encoder) return positions;
  const { text_layers, n_ctx, max_length } = model.prompts.config;
  return Math.min(max_length, text_layers > 0 ? positions - n_ctx : positions);
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
