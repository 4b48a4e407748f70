import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import {
  checkFiles,
  fillFolder,
  finishFolder,
  readJsonAs,
  readSafetensors,
  writeSafetensors,
} from '../../files/index.js';
import { loadTowerModel, writeModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { taskDtypes } from '../stored-weights.js';
import { type Detector, type Learned, modes } from './detector.js';

/** What makes a folder a detector's. */
export const detectorFile = 'detector.json';
const weightsFile = 'detector.safetensors';
const modelFolder = 'model';

const number = z.number();
const threshold = z.strictObject({
  value: number,
  interval: z.tuple([number.nullable(), number.nullable()]),
  typical: number,
  falseAlarms: z.strictObject({ wanted: number, expected: number, low: number, high: number }),
  sound: z.array(number).min(1),
});
const schema = z.strictObject({
  version: z.literal(1),
  mode: z.enum(modes),
  product: z.string(),
  dtype: z.enum(taskDtypes),
  view: z.strictObject({
    side: z.int().positive().max(8192),
    overlap: number.min(0).max(0.9),
    layers: z.array(z.int().positive()).min(1),
  }),
  size: z.tuple([z.int().positive(), z.int().positive()]).optional(),
  limits: z.strictObject({ image: threshold, pixel: threshold }),
});

/**
 * Writes a detector: `detector.json`, what it learned, and its model, so that the folder is all that is needed. Whole or not
 * at all.
 *
 * @throws UserError where the folder cannot be written
 * @example
 * const detector = await loadDetector('runs/metal');
 * await saveDetector('metal-renamed', { ...detector, product: 'brushed metal' });
 */
export async function saveDetector(folder: string, detector: Detector): Promise<void> {
  const { model, dtype, product, view, learned, size, limits } = detector;
  await fillFolder(folder, [], async (unfinished) => {
    await mkdir(join(unfinished, modelFolder));
    const files = await writeModel(join(unfinished, modelFolder), model);
    await writeSafetensors(join(unfinished, weightsFile), weightsOf(learned), { checksum: true });
    const content = { version: 1, mode: learned.mode, product, dtype, view, ...(size && { size }), limits };
    await writeFile(join(unfinished, detectorFile), `${JSON.stringify(content, null, 2)}\n`);
    return { files: [...files.map((file) => `${modelFolder}/${file}`), weightsFile, detectorFile] };
  });
}

const weightsOf = (learned: Learned): Params =>
  learned.mode === 'few-shot'
    ? { memory: learned.memory }
    : { texts: learned.texts, ...('adapters' in learned ? learned.adapters : {}) };

/** The folder of a detector: itself, or that of a finished run. */
export function detectorFolder(folder: string): string | undefined {
  return [folder, join(folder, 'detector')].find((each) => existsSync(join(each, detectorFile)));
}

/**
 * Reads a detector of `saveDetector`, with its model.
 *
 * @param given its folder, or that of the run that fitted it
 * @throws UserError where there is none, or it is not as it was written
 * @example
 * const { product, limits } = await loadDetector('runs/metal');
 * console.log(`${product}: ${limits.image.falseAlarms.expected} false alarms of 1,000 expected`);
 */
export async function loadDetector(given: string): Promise<Detector> {
  const folder = detectorFolder(given);
  if (folder === undefined) {
    throw new UserError(
      `${given}: expected the folder of a detector, with ${detectorFile}, found none: make one with promptkd defects fit`,
    );
  }
  await finishFolder(folder); // a save may have been killed while it moved its files
  await checkFiles(folder, () => true);
  const { mode, product, dtype, view, size, limits } = await readJsonAs(join(folder, detectorFile), schema);
  const { tensors } = readSafetensors(join(folder, weightsFile), { checksum: true });
  const model = await loadTowerModel(join(folder, modelFolder), 'inspecting');
  const take = (name: string) => {
    const tensor = tensors[name];
    if (!tensor || tensor.data instanceof Int32Array || tensor.shape.length !== 2) {
      throw new UserError(
        `${join(folder, weightsFile)}: expected numbers called ${name}, two axes of them, found none`,
      );
    }
    return tensor as HostTensor<Float32Array>;
  };
  const { memory: _, texts: __, ...adapters } = tensors;
  const learned: Learned =
    mode === 'few-shot'
      ? { mode, memory: take('memory') }
      : mode === 'zero-shot'
        ? { mode, texts: take('texts') }
        : { mode, texts: take('texts'), ...(Object.keys(adapters).length > 0 && { adapters }) };
  return { model, dtype, product, view, learned, limits, ...(size && { size }) };
}
