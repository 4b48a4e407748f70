import { UserError } from '../errors.js';
import type { Model, TowerModel } from './model.js';

/** Tokens that a text needs at least: its start, its end, and one between. */
const fewestTokens = 3;

/**
 * Tokens of a text that a text tower has room for, with so many prompts among its positions.
 *
 * @param positions the tower's `max_position_embeddings`
 * @throws UserError where prompts leave no text any room
 */
export function textRoom(positions: number, prompts: number): number {
  if (prompts === 0 || hasTextRoom(positions, prompts)) return positions - prompts;
  throw new UserError(
    `prompts.n_ctx: ${prompts} prompts leave no room for a text among the text tower's ${positions} positions; expected at most ${positions - fewestTokens}`,
  );
}

/** Whether a text still fits into a text tower with so many prompts inserted. */
export const hasTextRoom = (positions: number, prompts: number): boolean => positions - prompts >= fewestTokens;

/**
 * Most tokens of a text: inserted prompts take positions of the text tower, and the prompt encoder has its own limit.
 *
 * @throws UserError where prompts leave no text any room
 */
export function textLimit(model: Pick<Model, 'config'> & Pick<TowerModel, 'prompts'>): number {
  const { config, prompts } = model;
  const positions = config.text_config.max_position_embeddings;
  if (!prompts?.encoder) return positions;
  const { text_layers, n_ctx, max_length } = prompts.config;
  return Math.min(max_length, textRoom(positions, text_layers > 0 ? n_ctx : 0));
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
