import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { familyOf, suffixes } from '../../clip/index.js';
import { writeFileAtomic } from '../../files/index.js';
import { exportedPrompts, exportGraph, type GraphName, graphNames } from '../../model/index.js';
import { OnnxFile } from '../../runtime/index.js';
import { toOnnx } from '../../tensor/index.js';
import { roundsActivations, storedForm } from '../stored-form.js';
import { difference, engineEmbeds, type Samples } from '../verify.js';
import type { QuantizedStudent } from './quantize.js';

export const quantizedDtypes = ['q8', 'q4', 'bnb4'] as const;
/** A quantised variant of the ONNX files, by Transformers.js's names. */
export type QuantizedDtype = (typeof quantizedDtypes)[number];

/** A graph's file within the folder. */
export const variantFile = (name: GraphName, dtype: QuantizedDtype): string =>
  join('onnx', `${name}${suffixes[dtype]}.onnx`);

export interface OnnxVariant {
  /** Relative to the folder. */
  readonly files: readonly string[];
  /** Bytes of image and text encoder. */
  readonly bytes: number;
  /**
   * Largest difference of their embeddings from the engine's on the same values, as a share of the largest; more than
   * rounding only where a layer's activations are rounded too.
   */
  readonly difference: number;
}

/** A variant that was not kept: run here, its embeddings are further from the engine's than its rounding explains. */
export interface LeftOut {
  readonly dtype: QuantizedDtype;
  /** As of {@link OnnxVariant}; not a number where the file gives none. */
  readonly difference: number;
  /** What it may be at most. */
  readonly limit: number;
}

/**
 * How far a file's embeddings of a few images and texts may be from the engine's on the same values: further where
 * products round activations to 8 bits. That is told by the weights, not by the file's name: the checkpoint's own codes may
 * be of any scheme.
 */
const tolerance = (tensors: QuantizedStudent['tensors']) =>
  Object.values(tensors).some(({ scheme }) => roundsActivations(scheme)) ? 0.5 : 1e-3;

/**
 * Writes a quantised student as ONNX files under Transformers.js's names, weights in their bits, prompts folded, and runs
 * image and text encoder against the engine. Files that differ by more than rounding explains are removed again.
 *
 * @returns the variant, or by how much it missed its limit
 */
export async function writeVariant(
  folder: string,
  dtype: QuantizedDtype,
  { student, tensors }: QuantizedStudent,
  samples: Samples,
): Promise<OnnxVariant | LeftOut> {
  const vision = await exportedPrompts(student);
  const forms = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, storedForm(tensor)]));
  const files: string[] = [];
  let size = 0;
  for (const name of graphNames) {
    const { outputs, weights } = exportGraph(name, student, vision);
    const { parts } = toOnnx({ outputs, initializers: { ...weights, ...forms } });
    const file = variantFile(name, dtype);
    await writeFileAtomic(join(folder, file), parts);
    files.push(file);
    if (name !== 'model') size += parts.reduce((sum, { length }) => sum + length, 0);
  }
  const engine = await engineEmbeds(student, samples);
  const feeds = { pixel_values: samples.pixels, input_ids: samples.ids };
  const differences: number[] = [];
  const { outputs } = familyOf(student.config);
  for (const [file, output, expected] of [
    [files[0]!, outputs.image, engine.image!],
    [files[1]!, outputs.text, engine.text!],
  ] as const) {
    const model = await OnnxFile.open(join(folder, file));
    try {
      differences.push(difference((await model.run(feeds))[output]!.data, expected.data));
    } finally {
      await model.dispose();
    }
  }
  const largest = Math.max(...differences);
  // Written so that NaN is refused too.
  const limit = tolerance(tensors);
  if (!(largest <= limit)) {
    for (const file of files) await rm(join(folder, file));
    return { dtype, difference: largest, limit };
  }
  return { files, bytes: size, difference: largest };
}
