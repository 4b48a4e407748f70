import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { quantizationRecord, quantizedFile, saveDescription } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { graphNames, PARTS, textLimit, trainingFile, writeTrainingRecord } from '../../model/index.js';
import { promptFile, savePrompts } from '../../prompt/index.js';
import { type QuantizedTensor, writeQuantized } from '../../weight-formats/index.js';
import { quantizedDtypes, variantFile } from './onnx-variants.js';
import type { QuantizedStudent } from './quantize.js';

/** @throws UserError where a folder holds weights that `promptkd quantize` did not write. */
export function checkTarget(folder: string): void {
  const holds = (name: string) => existsSync(join(folder, name));
  const found = ['model.safetensors', 'model.safetensors.index.json', 'open_clip_model.safetensors'].find(holds);
  if (found) {
    throw new UserError(
      `${join(folder, found)}: the folder holds another checkpoint, which would contradict the quantised one: choose another`,
    );
  }
  if (holds(quantizedFile) && !holds(quantizationRecord)) {
    throw new UserError(
      `${join(folder, quantizedFile)}: without ${quantizationRecord} beside it, it is not replaced: delete it, or choose another folder`,
    );
  }
}

/** What a new result of any options takes the place of in a folder with an earlier one. */
export const replacedFiles: readonly string[] = [
  promptFile,
  trainingFile,
  ...quantizedDtypes.flatMap((dtype) => graphNames.map((name) => variantFile(name, dtype))),
];

/**
 * Writes a quantised student into an empty folder, as a checkpoint that every command reads: `quantized.safetensors` in place of
 * `model.safetensors`, `prompt_encoder.safetensors` where it has prompts.
 *
 * @returns the files, relative to the folder
 */
export async function saveQuantized(folder: string, { student, tensors }: QuantizedStudent): Promise<string[]> {
  const { params, prompts, training } = student;
  const described = await saveDescription(folder, student, { maxLength: textLimit(student) });
  const files = [...described, quantizedFile];
  if (training) files.push(await writeTrainingRecord(folder, training));
  if (prompts?.encoder) {
    const own = Object.entries(tensors).filter(([name]) => name.startsWith(PARTS.encoder));
    const quantized: Record<string, QuantizedTensor> = Object.fromEntries(
      own.map(([name, tensor]) => [name.slice(PARTS.encoder.length), tensor]),
    );
    await savePrompts(folder, prompts, quantized);
    files.push(promptFile);
  }
  const weights = Object.entries(params).map(([name, value]) => [name, tensors[name] ?? value] as const);
  await writeQuantized(join(folder, quantizedFile), Object.fromEntries(weights));
  return files;
}
