import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ClipConfig, type TextOptions, type TowerResult, textTower, tokenTable } from '../clip/index.js';
import { UserError } from '../errors.js';
import { type Params, param, type TensorTree } from '../nn/index.js';
import { add, type HostTensor, type Tensor } from '../tensor/index.js';
import { type QuantizedTensor, readQuantized, writeQuantized } from '../weight-formats/index.js';
import { encodePromptTexts, type PromptEncoderConfig, textPrompts } from './encoder.js';
import { parseEncoderConfig } from './encoder-config.js';

/** What a prompted student carries beside its two towers. */
export interface SavedPrompts {
  config: PromptEncoderConfig;
  /** The prompt encoder, which makes the text prompts of any new text. */
  encoder: Params;
  /** The vision tower's prompts for the task it was trained on: `vision.0`, `vision.1`, … [n_ctx, vision_width]. */
  vision: Params;
}

/** Beside the towers' weights in a checkpoint folder. */
export const promptFile = 'prompt_encoder.safetensors';

/**
 * Writes `prompt_encoder.safetensors` into a checkpoint folder; the encoder's shape stands in its metadata.
 *
 * @param quantized parameters of the encoder that are stored in few bits
 * @throws UserError where the file cannot be written
 */
export async function savePrompts(
  dir: string,
  prompts: SavedPrompts,
  quantized: Readonly<Record<string, QuantizedTensor>> = {},
): Promise<void> {
  const tensors: Record<string, HostTensor | QuantizedTensor> = {};
  for (const [name, value] of Object.entries(prompts.encoder)) tensors[`encoder.${name}`] = quantized[name] ?? value;
  for (const [name, value] of Object.entries(prompts.vision)) tensors[`prompts.${name}`] = value;
  await writeQuantized(join(dir, promptFile), tensors, { config: JSON.stringify(prompts.config) });
}

/**
 * Reads `prompt_encoder.safetensors` of a checkpoint folder; undefined where the student has no prompts.
 *
 * @throws UserError where the file lacks its configuration
 */
export async function loadPrompts(dir: string): Promise<SavedPrompts | undefined> {
  const file = join(dir, promptFile);
  if (!existsSync(file)) return undefined;
  const { tensors, metadata } = readQuantized(file);
  if (!metadata?.config)
    throw new UserError(`${file}: expected a field "config" in its metadata, found none; save it again`);
  const part = (prefix: string): Params =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  return {
    config: parseEncoderConfig(metadata.config, file),
    encoder: part('encoder.'),
    vision: part('prompts.'),
  };
}

/**
 * The text tower of a prompted student: every text makes its own prompts, which stand behind the start token.
 *
 * @param p the student's parameters
 * @param encoder the prompt encoder's
 * @param ids [N, L] int32, with room for `n_ctx` more positions in the text tower
 * @param ends [N] int32
 * @param options `added`: a prompted layer's own prompts [n_ctx, text_width] beside those of the text, to which they are added
 * @throws Error naming a parameter that is missing
 */
export function promptedTextTower(
  p: TensorTree,
  config: ClipConfig,
  encoder: TensorTree,
  encoderConfig: PromptEncoderConfig,
  ids: Tensor,
  ends: Tensor,
  {
    added = [],
    ...options
  }: Pick<TextOptions, 'pooledOnly' | 'recompute'> & { readonly added?: readonly Tensor[] } = {},
): TowerResult {
  const shared = encoderConfig.shared_embedding_width === undefined ? undefined : param(p, tokenTable);
  const texts = encodePromptTexts(encoder, encoderConfig, ids, ends, shared);
  const prompts = textPrompts(encoder, encoderConfig, texts).map((made, l) => (added[l] ? add(made, added[l]) : made));
  return textTower(p, config, ids, ends, { ...options, prompts, insert: true });
}
