import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../files/index.js';
import type { SavedVisualStudent } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { checkTemplates, classText } from '../prompt/index.js';
import { OnnxFile } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import { embedNames } from './graphs.js';
import { onnxPath } from './onnx-files.js';
import { maxTextLength, type Student } from './student.js';

/** The classes a student is to tell apart, and the texts that name them (`{}` or `[OBJ]` stands for the class). */
export interface Classes {
  readonly names: readonly string[];
  readonly templates: readonly string[];
  /** Of the templates in a class's mean; without them all weigh alike. */
  readonly weights?: readonly number[];
}

export const classifierFile = 'classifier.safetensors';
const BATCH = 64;

/**
 * Writes `classifier.safetensors`: `text_features` [classes, P], for each class the weighted mean over the templates of its
 * texts' unit features, of unit length again, and `logit_scale` []. An image's logits are
 * exp(logit_scale) · image_embeds/‖image_embeds‖ · text_featuresᵀ: the text model is not needed any more.
 * The names stand in the metadata, as a JSON list. The features are made with the exported text model.
 */
export async function writeClassifier(
  folder: string,
  student: Student,
  { names, templates, weights }: Classes,
): Promise<void> {
  const { params } = student.checkpoint;
  if (student.visual) {
    const texts = savedFeatures(student.visual, names);
    return save(
      folder,
      { text_features: texts, logit_scale: params.logit_scale! },
      {
        classes: JSON.stringify(names),
        templates: JSON.stringify(templates),
      },
    );
  }
  const model = await OnnxFile.open(join(folder, onnxPath('text_model', false)));
  const { tokenizer, config } = student.checkpoint;
  const [length, width] = [maxTextLength(student), config.projection_dim];
  const features = new Float32Array(names.length * width);
  try {
    for (const [t, template] of templates.entries()) {
      const weight = weights?.[t] ?? 1;
      for (let from = 0; from < names.length; from += BATCH) {
        const texts = names.slice(from, from + BATCH).map((name) => classText(template, name));
        const { ids } = tokenizer.encode(texts, length);
        const made = await model.run({ input_ids: { shape: [texts.length, length], data: ids } });
        for (let n = 0; n < texts.length; n++) {
          const row = unit(made[embedNames(config).text]!.data.subarray(n * width, (n + 1) * width));
          for (let k = 0; k < width; k++) features[(from + n) * width + k]! += weight * row[k]!;
        }
      }
    }
  } finally {
    await model.dispose();
  }
  for (let n = 0; n < names.length; n++) features.set(unit(features.subarray(n * width, (n + 1) * width)), n * width);
  await save(
    folder,
    { text_features: { shape: [names.length, width], data: features }, logit_scale: params.logit_scale! },
    {
      classes: JSON.stringify(names),
      templates: JSON.stringify(templates),
      ...(weights && { weights: JSON.stringify(weights) }),
    },
  );
}

const save = (folder: string, tensors: Params, metadata: Record<string, string>) =>
  writeSafetensors(join(folder, classifierFile), tensors, { metadata });

/** Of some of the classes that a visual student was saved with. */
function savedFeatures({ classes, texts }: SavedVisualStudent, names: readonly string[]): HostTensor {
  const width = texts.shape[1]!;
  const rows = names.map((name) => {
    const row = classes.indexOf(name);
    if (row >= 0) return row;
    throw new UserError(`classes: "${name}" is none of the ${classes.length} that the visual student was saved with`);
  });
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(texts.data.subarray(row * width, (row + 1) * width), i * width);
  return { shape: [rows.length, width], data };
}

/** The classes that an export was made for, as `writeClassifier` wrote them. */
export interface SavedClassifier {
  readonly names: readonly string[];
  readonly templates: readonly string[];
  /** Of the templates in a class's mean; without them all weighed alike. */
  readonly weights?: readonly number[];
  /** [classes, P], unit rows. */
  readonly features: Float32Array;
}

/**
 * Reads the classes of an export.
 *
 * @returns undefined where it was made without
 * @throws UserError where the file is broken, or was made for another width
 */
export function readClassifier(folder: string, width: number): SavedClassifier | undefined {
  const path = join(folder, classifierFile);
  if (!existsSync(path)) return undefined;
  const { tensors, metadata } = readSafetensors(path);
  const [names, templates] = ['classes', 'templates'].map((key) => nameList(path, key, metadata[key]));
  const features = tensors.text_features;
  if (features?.shape.join() !== `${names!.length},${width}` || !(features.data instanceof Float32Array)) {
    throw new UserError(
      `${path}: text_features: expected [${names!.length}, ${width}], got ${features ? `[${features.shape.join(', ')}]` : 'nothing'}`,
    );
  }
  const weights = metadata.weights === undefined ? undefined : listOf<number>(metadata.weights, 'number');
  if (metadata.weights !== undefined && weights?.length !== templates!.length) {
    throw new UserError(`${path}: metadata weights: expected a number for each of ${templates!.length} templates`);
  }
  return { names: names!, templates: templates!, weights, features: features.data };
}

function nameList(path: string, key: string, json: string | undefined): string[] {
  const list = listOf<string>(json, 'string');
  if (list) return list;
  throw new UserError(`${path}: metadata ${key}: expected a JSON list of names: export the model again with --classes`);
}

/** A JSON list of strings or numbers with something in it; undefined where it is anything else. */
function listOf<Item>(json: string | undefined, type: 'string' | 'number'): Item[] | undefined {
  let list: unknown;
  try {
    list = JSON.parse(json ?? '');
  } catch {
    return undefined;
  }
  return Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === type) ? list : undefined;
}

/** @throws UserError where there are no classes, two of one name, an empty name, or a template without a place for it. */
export function checkClasses({ names, templates, weights }: Classes): void {
  if (names.length === 0) throw new UserError('classes: expected at least one class name, got none');
  const seen = new Set<string>();
  for (const name of names) {
    if (name.trim() === '') throw new UserError('classes: expected names, got an empty one');
    if (seen.has(name)) throw new UserError(`classes: expected each name once, got ${name} twice`);
    seen.add(name);
  }
  checkTemplates(templates, weights);
}

function unit(row: Float32Array): Float32Array {
  const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
  return row.map((x) => x / norm);
}
