import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { type Example, examplesOf, type ImageTextDataset, isLabelled, withSubset } from '../data/index.js';
import { closest, UserError } from '../errors.js';
import type { taskData } from './recipe.js';

export type TaskData = z.infer<typeof taskData>;

/**
 * The part of a data set that a task is: images by some artists or of some classes, in every split.
 *
 * @throws UserError where there is no such artist or class, or nothing is left of the split
 */
export function partOfData(dataset: ImageTextDataset, { split, artists, classes, ...subset }: TaskData, seed: number) {
  if (classes) known('data.classes', classes, new Set(dataset.classes.map(({ name }) => name)));
  const all = Object.values(dataset.splits).flat();
  if (artists) known('data.artists', artists, new Set(all.flatMap(({ artist }) => artist ?? [])));
  const labels = classes && new Set(classes.map((name) => dataset.classes.findIndex((one) => one.name === name)));
  const wanted = ({ artist, label }: Example) =>
    (!artists || (artist !== undefined && artists.includes(artist))) &&
    (!labels || (label !== undefined && labels.has(label)));
  if (!artists && !classes) return withSubset(dataset, split, subset, seed);
  const splits = Object.fromEntries(Object.entries(dataset.splits).map(([name, some]) => [name, some.filter(wanted)]));
  if (splits[split]?.length === 0) {
    throw new UserError(`${dataset.name}: the split ${split} has no images of ${(artists ?? classes)!.join(', ')}`);
  }
  const sum = createHash('sha256').update(JSON.stringify([artists, classes]));
  const fingerprint = `${dataset.fingerprint}-${sum.digest('hex').slice(0, 8)}`;
  return withSubset({ ...dataset, splits, fingerprint }, split, subset, seed);
}

function known(field: string, names: readonly string[], all: ReadonlySet<string>): void {
  for (const name of names) {
    if (all.has(name)) continue;
    const near = closest(name, [...all]);
    throw new UserError(`${field}: no "${name}" in the data${near ? `; did you mean "${near}"?` : ''}`);
  }
}

/**
 * Labels of the classes that a task is about: those of its images; without any label all base classes.
 *
 * @throws UserError where there are fewer than two
 */
export function classesOfTask(dataset: ImageTextDataset, split: string): number[] {
  const examples = examplesOf(dataset, split);
  const seen = new Set(examples.filter(isLabelled).map(({ label }) => label));
  const all = [...dataset.classes.keys()];
  const labels = seen.size > 0 ? all.filter((label) => seen.has(label)) : all.filter((l) => !dataset.classes[l]!.novel);
  if (labels.length >= 2) return labels;
  throw new UserError(`${dataset.name}/${split}: expected at least two classes to tell apart, found ${labels.length}`);
}
