import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EncoderModel,
  type LoadOptions,
  loadModel,
  type Model,
  openEncoders,
  servingEncoders,
} from '../model/index.js';
import { isBank, readBank } from './bank-folder.js';
import { bankModel } from './bank-model.js';

/** Bytes of what a bank is on disk, the files of its runs aside. */
async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true });
  const sizes = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'runs' ? 0 : bytesOf(path);
      return stat(path).then(({ size }) => size);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Reads a bank as a model, or whatever else `loadModel` reads. Whoever reads a bank disposes of its encoders.
 *
 * @throws UserError where it cannot be read
 */
export async function loadModelOrBank(name: string, options: LoadOptions = {}): Promise<Model> {
  if (!isBank(name)) return loadModel(name, options);
  return bankModel(await readBank(name), options, { folder: name, files: [], bytes: await bytesOf(name) });
}

/**
 * Opens a bank, or whatever else `openEncoders` opens, for inference.
 *
 * @throws UserError where it cannot be read, or is a visual student
 */
export async function openEncodersOrBank(name: string, options: LoadOptions = {}): Promise<EncoderModel> {
  if (!isBank(name)) return openEncoders(name, options);
  const model = await loadModelOrBank(name, options);
  return model.encoders ? model : servingEncoders(model, options);
}
