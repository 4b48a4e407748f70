import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportModel } from '../compress/index.js';
import { loadTowerModel, modelFolder, type RunModelOptions } from '../model/index.js';

/**
 * Hands over the folder of a model with ONNX files: the folder itself, where it has them or is no model at all; otherwise a
 * temporary one that the model is exported to, a run's best or finished one.
 *
 * @throws UserError where the model cannot be read or exported
 */
export async function withOnnxFiles<T>(
  folder: string,
  loading: RunModelOptions & { readonly onExport: () => void },
  use: (model: string) => Promise<T>,
): Promise<T> {
  const model = modelFolder(folder);
  if (model === undefined || existsSync(join(model, 'onnx'))) return use(model ?? folder);
  const aside = await mkdtemp(join(tmpdir(), 'promptkd-export-'));
  try {
    const towers = await loadTowerModel(folder, 'web', loading);
    loading.onExport();
    await exportModel({ model: towers, out: aside });
    return await use(aside);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
