import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quantizedFile, saveDescription } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { promptFile, savePrompts } from '../../prompt/index.js';
import { type QuantizedTensor, writeQuantized } from '../../quantization/index.js';
import { ENCODER } from '../graphs.js';
import { maxTextLength } from '../student.js';
import type { QuantizedStudent } from './quantize.js';

/** @throws UserError where a folder holds weights that would contradict the quantised ones. */
export function checkTarget(folder: string): void {
  const weights = ['model.safetensors', 'model.safetensors.index.json', 'open_clip_model.safetensors'];
  const found = weights.find((name) => existsSync(join(folder, name)));
  if (found) {
    throw new UserError(
      `${join(folder, found)}: the folder holds another checkpoint, which would be read instead of the quantised one: choose another`,
    );
  }
}

/**
 * Writes a quantised student as a checkpoint folder that every command reads: `quantized.safetensors` in place of
 * `model.safetensors`, `prompt_encoder.safetensors` where it has prompts.
 *
 * @returns the files, relative to the folder
 */
export async function saveQuantized(folder: string, { student, tensors }: QuantizedStudent): Promise<string[]> {
  const { checkpoint, prompts } = student;
  checkTarget(folder);
  await rm(join(folder, promptFile), { force: true });
  await saveDescription(folder, checkpoint, { maxLength: maxTextLength(student) });
  const files = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', quantizedFile];
  if (prompts) {
    const own = Object.entries(tensors).filter(([name]) => name.startsWith(ENCODER));
    const quantized: Record<string, QuantizedTensor> = Object.fromEntries(
      own.map(([name, tensor]) => [name.slice(ENCODER.length), tensor]),
    );
    await savePrompts(folder, prompts, quantized);
    files.push(promptFile);
  }
  const weights = Object.entries(checkpoint.params).map(([name, value]) => [name, tensors[name] ?? value] as const);
  await writeQuantized(join(folder, quantizedFile), Object.fromEntries(weights));
  return files;
}
