import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { readJson } from '../../files/index.js';

/** Weights in few bits, as `promptkd quantize` writes them. */
export const quantizedFile = 'quantized.safetensors';
/** What each weight became: lies beside it. */
export const quantizationRecord = 'quantization.json';

/** @throws UserError where a folder's quantised weights are missing, or there are others beside them. */
export function checkQuantized(folder: string): void {
  const holds = (name: string) => existsSync(join(folder, name));
  const other = ['model.safetensors', 'model.safetensors.index.json'].find(holds);
  if (other && holds(quantizedFile)) {
    throw new UserError(
      `${folder}: expected one model, got both ${other} and ${quantizedFile}: move one of them to a folder of its own`,
    );
  }
  if (!other && holds(quantizationRecord) && !holds(quantizedFile)) {
    throw new UserError(
      `${join(folder, quantizedFile)}: no such file, but ${quantizationRecord} describes it: quantise the model again`,
    );
  }
}

/** Whether a folder holds weights of one of the forms that `loadWeights` reads. */
export function hasWeights(folder: string): boolean {
  const forms = ['model.safetensors', 'model.safetensors.index.json', 'open_clip_model.safetensors', quantizedFile];
  return forms.some((name) => existsSync(join(folder, name)));
}

/** The files of a checkpoint folder that hold its weights: those that `loadWeights` reads, which has checked them. */
export async function weightFiles(folder: string): Promise<string[]> {
  const path = (name: string) => join(folder, name);
  if (!existsSync(path('config.json'))) return [path('open_clip_model.safetensors')];
  for (const whole of ['model.safetensors', quantizedFile]) if (existsSync(path(whole))) return [path(whole)];
  const { weight_map } = (await readJson(path('model.safetensors.index.json'))) as {
    weight_map: Record<string, string>;
  };
  return [...new Set(Object.values(weight_map))].map(path);
}
