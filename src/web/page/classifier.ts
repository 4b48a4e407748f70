import { scoringOf } from '../../clip/browser.js';
import { classProbabilities } from '../../math/class-probabilities.js';
import { classText } from '../../prompt/browser.js';
import { type ModelFile, modelFiles } from '../model-file.js';
import type { Engine } from './engine.js';

/** Classes and their text features of unit length, [classes, width]. */
export interface Classifier {
  readonly names: readonly string[];
  readonly features: Float32Array;
}

export interface Answer {
  readonly name: string;
  readonly probability: number;
}

/** The classes that the model was exported with. */
export async function fixedClassifier(names: readonly string[], width: number): Promise<Classifier> {
  const response = await fetch(modelFiles.classifier);
  const bytes = await response.arrayBuffer();
  if (!response.ok || bytes.byteLength !== names.length * width * 4) {
    throw new Error(
      `${modelFiles.classifier}: expected the features of ${names.length} classes. Copy the whole folder.`,
    );
  }
  return { names, features: new Float32Array(bytes) };
}

/**
 * Makes classifiers of names. A text's embedding is kept, so that typing one more name costs one text; with the model's own
 * templates its own classes cost none.
 */
export function liveClassifiers(engine: Engine) {
  const { model } = engine;
  const { width } = model;
  const kept = new Map<string, Float32Array>();
  let own: Promise<Classifier> | undefined;
  /** Features of the model's own classes, where they are made of the same templates. */
  const ownRows = async (templates: readonly string[]): Promise<ReadonlyMap<string, Float32Array>> => {
    if (!model.classes || templates.join('\n') !== model.templates.join('\n')) return new Map();
    own ??= fixedClassifier(model.classes, width);
    const { names, features } = await own;
    return new Map(names.map((name, n) => [name, features.subarray(n * width, (n + 1) * width)]));
  };
  return async (names: readonly string[], templates: readonly string[], weights?: readonly number[]) => {
    const textsOf = (name: string) => templates.map((template) => classText(template, name));
    const ready = await ownRows(templates);
    const typed = names.filter((name) => !ready.has(name));
    const missing = [...new Set(typed.flatMap(textsOf))].filter((text) => !kept.has(text));
    const embeds = await engine.embedTexts(missing);
    for (const [n, text] of missing.entries()) kept.set(text, unit(embeds.subarray(n * width, (n + 1) * width)));
    const features = new Float32Array(names.length * width);
    for (const [n, name] of names.entries()) {
      const row = ready.get(name);
      if (row) {
        features.set(row, n * width);
        continue;
      }
      const mean = new Float32Array(width);
      for (const [t, text] of textsOf(name).entries()) {
        const [row, weight] = [kept.get(text)!, weights?.[t] ?? 1];
        for (let k = 0; k < width; k++) mean[k]! += weight * row[k]!;
      }
      features.set(unit(mean), n * width);
    }
    return { names, features } satisfies Classifier;
  };
}

/**
 * Classes by probability, the likeliest first: softmax(exp(logitScale) · cosines), or of a model with a bias
 * σ(exp(logitScale) · cosine + logitBias) of each by itself.
 */
export function answers(
  { names, features }: Classifier,
  embedding: Float32Array,
  { logitScale, logitBias }: Pick<ModelFile, 'logitScale' | 'logitBias'>,
): Answer[] {
  const image = unit(embedding);
  const width = image.length;
  const logits = names.map((_, n) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += image[k]! * features[n * width + k]!;
    return Math.exp(logitScale) * sum + (logitBias ?? 0);
  });
  const probabilities = classProbabilities(scoringOf(logitBias), logits);
  return names
    .map((name, n) => ({ name, probability: probabilities[n]! }))
    .sort((a, b) => b.probability - a.probability);
}

function unit(row: Float32Array): Float32Array {
  const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
  return row.map((x) => x / norm);
}
