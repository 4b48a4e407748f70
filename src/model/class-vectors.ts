import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { jsonOrNothing, readSafetensors } from '../files/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { ClassVectors } from './model.js';

/** Text features of the classes that a model was exported with, beside its weights. */
export const classifierFile = 'classifier.safetensors';

/**
 * Reads the classes of an export.
 *
 * @param width of the joint space
 * @returns undefined where it was made without
 * @throws UserError where the file is broken, or was made for another width
 */
export function readClassifier(folder: string, width: number): ClassVectors | undefined {
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
  return { names: names!, templates: templates!, weights, features: features as HostTensor<Float32Array> };
}

function nameList(path: string, key: string, json: string | undefined): string[] {
  const list = listOf<string>(json, 'string');
  if (list) return list;
  throw new UserError(`${path}: metadata ${key}: expected a JSON list of names: export the model again with --classes`);
}

/** A JSON list of strings or numbers with something in it; undefined where it is anything else. */
function listOf<Item>(json: string | undefined, type: 'string' | 'number'): Item[] | undefined {
  const list = jsonOrNothing(json);
  return Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === type) ? list : undefined;
}
