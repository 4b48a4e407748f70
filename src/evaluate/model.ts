import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Checkpoint,
  type DownloadOptions,
  loadCheckpoint,
  resolveCheckpoint,
  weightFiles,
} from '../clip/index.js';
import { countParameters, loadPrompts, promptFile, type SavedPrompts } from '../prompt/index.js';

/** A model as it is measured: towers, and a prompted student's prompts. */
export interface EvaluatedModel {
  readonly checkpoint: Checkpoint;
  readonly prompts?: SavedPrompts;
  /** Numbers in the towers, the prompt encoder and the vision prompts. */
  readonly params: number;
  /** Of the weights on disk. */
  readonly bytes: number;
}

/**
 * Reads a checkpoint folder or hub id, with its prompts where it has some.
 *
 * @throws UserError where it cannot be read
 */
export async function loadModel(idOrFolder: string, options: DownloadOptions = {}): Promise<EvaluatedModel> {
  const folder = await resolveCheckpoint(idOrFolder, options);
  const checkpoint = await loadCheckpoint(folder);
  const prompts = await loadPrompts(folder);
  const files = await weightFiles(folder);
  if (prompts) files.push(join(folder, promptFile));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return {
    checkpoint,
    prompts,
    params: [checkpoint.params, prompts?.encoder, prompts?.vision].reduce(
      (sum, p) => sum + countParameters(p ?? {}),
      0,
    ),
    bytes: sizes.reduce((a, b) => a + b, 0),
  };
}
