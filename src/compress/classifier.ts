import { join } from 'node:path';
import { familyOf } from '../clip/index.js';
import { UserError } from '../errors.js';
import { writeSafetensors } from '../files/index.js';
import { type ClassVectors, classifierFile, type TowerModel, textLimit } from '../model/index.js';
import type { Params } from '../nn/index.js';
import { checkTemplates, classText } from '../prompt/index.js';
import { OnnxFile } from '../runtime/index.js';
import type { HostTensor } from '../tensor/index.js';
import { onnxPath } from './onnx-files.js';

/** The classes a model is to tell apart, and the texts that name them (`{}` or `[OBJ]` stands for the class). */
export interface Classes {
  readonly names: readonly string[];
  readonly templates: readonly string[];
  /** Of the templates in a class's mean; without them all weigh alike. */
  readonly weights?: readonly number[];
}

const BATCH = 64;

/**
 * Writes `classifier.safetensors`: `text_features` [classes, P], for each class the weighted mean over the templates of its
 * texts' unit features, of unit length again, and `logit_scale` []; of a SigLIP `logit_bias` [1] too. An image's logits are
 * exp(logit_scale) · image_embeds/‖image_embeds‖ · text_featuresᵀ (+ logit_bias): the text model is not needed any more.
 * A visual student has no bias: it learned to choose among classes, by a softmax in which one cancels.
 * The names stand in the metadata, as a JSON list. The features are made with the exported text model.
 */
export async function writeClassifier(
  folder: string,
  model: TowerModel,
  { names, templates, weights }: Classes,
): Promise<void> {
  const { params, tokenizer, config } = model;
  if (model.projector) {
    const texts = savedFeatures(model.classes!, names);
    return saveClassifier(folder, { text_features: texts, logit_scale: params.logit_scale! }, { names, templates });
  }
  const encoder = await OnnxFile.open(join(folder, onnxPath('text_model', false)));
  const [length, width] = [textLimit(model), config.projection_dim];
  const { text: output } = familyOf(config).outputs;
  const features = new Float32Array(names.length * width);
  try {
    for (const [t, template] of templates.entries()) {
      const weight = weights?.[t] ?? 1;
      for (let from = 0; from < names.length; from += BATCH) {
        const texts = names.slice(from, from + BATCH).map((name) => classText(template, name));
        const { ids } = tokenizer.encode(texts, length);
        const made = await encoder.run({ input_ids: { shape: [texts.length, length], data: ids } });
        for (let n = 0; n < texts.length; n++) {
          const row = unit(made[output]!.data.subarray(n * width, (n + 1) * width));
          for (let k = 0; k < width; k++) features[(from + n) * width + k]! += weight * row[k]!;
        }
      }
    }
  } finally {
    await encoder.dispose();
  }
  for (let n = 0; n < names.length; n++) features.set(unit(features.subarray(n * width, (n + 1) * width)), n * width);
  await saveClassifier(
    folder,
    {
      text_features: { shape: [names.length, width], data: features },
      logit_scale: params.logit_scale!,
      ...(params.logit_bias && { logit_bias: params.logit_bias }),
    },
    { names, templates, weights },
  );
}

/** Writes what `writeClassifier` describes, of features that are made already. */
export function saveClassifier(folder: string, tensors: Params, { names, templates, weights }: Classes): Promise<void> {
  const metadata = {
    classes: JSON.stringify(names),
    templates: JSON.stringify(templates),
    ...(weights && { weights: JSON.stringify(weights) }),
  };
  return writeSafetensors(join(folder, classifierFile), tensors, { metadata });
}

/** Of some of the classes that a visual student was saved with. */
function savedFeatures({ names: known, features }: ClassVectors, names: readonly string[]): HostTensor {
  const width = features.shape[1]!;
  const rows = names.map((name) => {
    const row = known.indexOf(name);
    if (row >= 0) return row;
    throw new UserError(`classes: "${name}" is none of the ${known.length} that the visual student was saved with`);
  });
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(features.data.subarray(row * width, (row + 1) * width), i * width);
  return { shape: [rows.length, width], data };
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
