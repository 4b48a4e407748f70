import { type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import type { ContinualRecipe } from './sequence-recipe.js';

/** A task of a sequence: which part of the data it is. */
export interface SequenceTask {
  readonly name: string;
  readonly artists?: readonly string[];
  readonly classes?: readonly string[];
}

/**
 * The tasks that a recipe lists, in its own order.
 *
 * @throws UserError for fewer than two, or two of one name
 */
export function sequenceTasks(
  dataset: ImageTextDataset,
  recipe: Pick<ContinualRecipe, 'tasks' | 'data'>,
): SequenceTask[] {
  const tasks = listed(dataset, recipe);
  if (tasks.length < 2) throw new UserError(`tasks: expected at least two, got ${tasks.length}`);
  const twice = tasks.find(({ name }, i) => tasks.findIndex((task) => task.name === name) !== i);
  if (twice) throw new UserError(`tasks: expected each name once, got "${twice.name}" twice`);
  return tasks;
}

function listed(dataset: ImageTextDataset, { tasks, data }: Pick<ContinualRecipe, 'tasks' | 'data'>): SequenceTask[] {
  if (Array.isArray(tasks)) return tasks;
  const { splits } = dataset;
  const examples = (Object.hasOwn(splits, data.split) ? splits[data.split]! : []).filter(isLabelled);
  if (tasks.by === 'artists') {
    const found = [...new Set(examples.flatMap(({ artist }) => artist ?? []))];
    const names = tasks.artists ?? found;
    if (names.length === 0) throw new UserError(`tasks.by: artists: ${dataset.name} does not say who made its images`);
    return names.map((artist) => ({ name: artist.replace(/[^\p{L}\p{N}_ .+-]/gu, '-'), artists: [artist] }));
  }
  const seen = new Set(examples.map(({ label }) => label));
  const names = dataset.classes.flatMap(({ name, novel }, label) => (!novel && seen.has(label) ? [name] : []));
  if (names.length < 2 * tasks.groups) {
    throw new UserError(
      `tasks.groups: expected at most ${Math.floor(names.length / 2)} for ${names.length} classes, got ${tasks.groups}`,
    );
  }
  const dealt = new Random('continual', 'groups').shuffle(names);
  return Array.from({ length: tasks.groups }, (_, g) => ({
    name: `group ${g + 1}`,
    classes: dealt.filter((_, i) => i % tasks.groups === g),
  }));
}

/** Order 0 is the list's own, the others are by lot. */
export const inOrder = (tasks: readonly SequenceTask[], order: number): SequenceTask[] =>
  order === 0 ? [...tasks] : new Random('continual', 'order', order).shuffle(tasks);
