import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { readJson } from '../../files/index.js';
import { show } from '../../schema-issue.js';
import type { PreprocessConfig } from '../preprocess/preprocess-config.js';
import { parsePreprocessConfig } from '../preprocess/processor-config.js';

/** A model folder's image preprocessing, and where it stands, for errors about it. */
export interface FoundPreprocess {
  readonly preprocess: PreprocessConfig;
  readonly file: string;
}

/**
 * Reads a Hugging Face folder's image preprocessing: `image_processor` of `processor_config.json`, the only file that
 * newer folders have, and otherwise `preprocessor_config.json`; of both the first counts, as in transformers.
 *
 * @returns undefined where the folder has neither
 * @throws UserError naming file and field
 */
export async function readPreprocess(folder: string): Promise<FoundPreprocess | undefined> {
  const whole = join(folder, 'processor_config.json');
  if (existsSync(whole)) {
    const json = await readJson(whole);
    const part =
      typeof json === 'object' && json !== null ? (json as { image_processor?: unknown }).image_processor : 0;
    if (part === 0) throw new UserError(`${whole}: expected a JSON object, got ${show(json)}`);
    const file = `${whole}: image_processor`;
    if (part !== undefined && part !== null) return { preprocess: parsePreprocessConfig(part, file), file };
  }
  const file = join(folder, 'preprocessor_config.json');
  if (!existsSync(file)) return undefined;
  return { preprocess: parsePreprocessConfig(await readJson(file), file), file };
}
