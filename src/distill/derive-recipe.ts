import type { ClipConfig } from '../clip/index.js';
import { examplesOf, type ImageTextDataset, withSubset } from '../data/index.js';
import { UserError } from '../errors.js';
import { type AdaptedRecipe, type AdaptOptions, adaptRecipe, presets, type StudentWish } from './adapt-recipe.js';
import { phasesOf, stepsOf } from './phases.js';
import { expectedTime } from './plan.js';
import type { DistillRecipe } from './recipe.js';
import { stepCost } from './step-cost.js';
import { studentConfig } from './student/student.js';
import { type StudentSize, studentSizes } from './student/student-size.js';
import { taskTokenizer } from './student/task-tokens.js';
import type { Teacher } from './teacher/teacher.js';
import type { TimedWork } from './timed-work.js';

/** What a recipe is derived from. */
export interface DeriveOptions {
  readonly wish?: StudentWish;
  readonly teacher: Teacher;
  readonly dataset: ImageTextDataset;
  /** Of a student that is given, its shape. */
  readonly student?: ClipConfig;
  /** Fields that the caller has set, by path. */
  readonly given?: Readonly<Record<string, unknown>>;
  /** The recipe with such fields where nothing is set. */
  readonly complete: (fields: AdaptedRecipe['fields']) => Promise<DistillRecipe>;
  /** Times a few steps of a recipe here: see `timeWork`. Left out: the recipe is the same everywhere. */
  readonly time?: (recipe: DistillRecipe, known?: TimedWork) => Promise<TimedWork>;
}

/** Fields for a recipe, with their reasons. */
export interface DerivedRecipe extends AdaptedRecipe {
  /** Where steps were timed, those of this recipe. */
  readonly timed?: TimedWork;
}

/** Less of the vocabulary is not worth a student that reads other texts worse. */
const leastCut = 0.05;
/** Most of the time that the teacher's targets may take, as a share: steps teach more than views. */
const targetShare = 0.4;
const batches = [64, 32, 16];

/**
 * {@link adaptRecipe}, kept to the time of the preset by a few steps timed here: fewer views, then fewer steps down to the
 * preset's least, then smaller batches and a smaller student, in this order. Another machine, or a busy one, may get another recipe.
 *
 * @param recipe with the fields that the caller has set, and defaults elsewhere
 * @throws UserError as `adaptRecipe`, and for a recipe that does not fit teacher or data
 */
export async function deriveRecipe(recipe: DistillRecipe, options: DeriveOptions): Promise<DerivedRecipe> {
  const { wish = {}, teacher, dataset, student, given = {} } = options;
  const { split } = recipe.data;
  const images = examplesOf(withSubset(dataset, split, recipe.data, recipe.seed), split).length;
  const vocabulary = vocabularyOf(recipe, options);
  // Of a text tower whose width is set, the table is as it is set, too: a whole recipe stays as it is.
  const sized = given['student.text.hidden_size'] !== undefined;
  const factorise = !sized && recipe.student.tokens === undefined && !hasFixedClasses(dataset);
  const adapt = (size: StudentSize | undefined, atMost?: AdaptOptions['atMost']) =>
    adaptRecipe(recipe, {
      ...{ teacher, images, vocabulary, factorise, student, given, atMost },
      wish: size === undefined ? wish : { ...wish, size },
    });
  const usual = adapt(undefined);
  // Nothing to fit: a student that is given keeps the published steps, and steps that are set stand.
  const init = recipe.method === 'kd' ? recipe.kd.init : recipe.student.init;
  const set = Object.keys(given).some((path) => /^(phases\.\w+|kd)\.(steps|epochs)$/.test(path));
  const { time } = options;
  if (!time || init === 'given' || set || usual.reasons.length === 0) return usual;

  const { seconds, least } = presets[wish.preset ?? 'balanced'];
  const first = await options.complete(usual.fields);
  let timed = await time(first);
  const whole = expectedTime(timed, first);
  if (whole.extraction + whole.steps <= seconds) return { ...usual, timed };

  const aView = expectedTime(
    timed,
    first,
    timed.stores.map(() => 1),
  ).extraction;
  const views = Math.max(1, Math.min(first.views, Math.floor((targetShare * seconds) / aView)));
  const left = (at: DistillRecipe, work: TimedWork) =>
    Math.max((1 - targetShare) * seconds, seconds - expectedTime(work, at).extraction);
  const fitting = (at: DistillRecipe, work: TimedWork) =>
    Math.floor((left(at, work) * stepsIn(at)) / expectedTime(work, at).steps);

  let chosen: { readonly size?: StudentSize; readonly batch: number; readonly recipe: DistillRecipe } | undefined;
  search: for (const size of sizesBelow(wish, given)) {
    for (const batch of given.batch === undefined ? batches : [first.batch]) {
      const candidate = await options.complete(adapt(size, { batch, views }).fields);
      chosen = { size, batch, recipe: candidate };
      if (fitting(candidate, scaled(timed, teacher, first, candidate)) >= Math.min(least, stepsIn(candidate)))
        break search;
    }
  }
  const { size, batch, recipe: candidate } = chosen!;
  if (size !== undefined || candidate.batch !== first.batch) timed = await time(candidate, timed);
  const steps = Math.max(fewestSteps, fitting(candidate, timed));
  const fitted = adapt(size, { batch, views, steps });
  const last = await options.complete(fitted.fields);
  const { extraction, steps: training } = expectedTime(timed, last);
  const asWished = `${clock(whole.extraction + whole.steps)} by a few timed steps as usual, ${clock(seconds)} wished (--preset ${wish.preset ?? 'balanced'})`;
  return {
    ...{ fields: fitted.fields, timed },
    reasons: [
      ...fitted.reasons,
      `Time: ${asWished}: ${changes(first, last, size)}, about ${clock(extraction + training)}.${extraction + training > 1.1 * seconds || stepsIn(last) < least ? ' That is little training for this teacher: --fraction, a longer --preset or a faster machine would help more.' : ''}`,
    ],
  };
}

/** Fewer teach nothing, however long they take. */
const fewestSteps = 60;

const stepsIn = (recipe: DistillRecipe) => stepsOf(phasesOf(recipe));

/** Tokens of the student's table, where they are those of its task: as the recipe says, or where classes are fixed. */
function vocabularyOf(recipe: DistillRecipe, { teacher, dataset }: DeriveOptions): number | undefined {
  const cut = () => taskTokenizer(teacher.tokenizer, recipe, dataset).kept.length;
  const { tokens } = recipe.student;
  if (tokens !== undefined) return tokens === 'task' ? cut() : undefined;
  if (!hasFixedClasses(dataset)) return undefined;
  try {
    const kept = cut();
    return kept <= (1 - leastCut) * teacher.config.text_config.vocab_size ? kept : undefined;
  } catch (error) {
    // A tokenizer that does not merge bytes cannot be cut.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Whether classes are all that the data's texts say: none is novel, and no image has a caption of its own. */
function hasFixedClasses({ classes, splits }: ImageTextDataset): boolean {
  return (
    classes.length > 0 &&
    classes.every(({ novel }) => !novel) &&
    Object.values(splits).every((examples) => examples.every((one) => one.captionsMade || one.captions.length === 0))
  );
}

/** The size that is wished, as it is, and the smaller ones, where none is said. */
function sizesBelow(
  { preset, size, maxParameters, maxBytes }: StudentWish,
  given: Readonly<Record<string, unknown>>,
): readonly (StudentSize | undefined)[] {
  const stated = [size, maxParameters, maxBytes].some((limit) => limit !== undefined);
  if (stated || Object.keys(given).some((path) => path.startsWith('student.'))) return [undefined];
  const own = studentSizes[presets[preset ?? 'balanced'].size];
  const smaller = (Object.keys(studentSizes) as StudentSize[]).filter((name) => studentSizes[name] < own).reverse();
  return [undefined, ...smaller];
}

/** Times of another student or batch, by how much its steps compute. */
function scaled(timed: TimedWork, { config }: Teacher, from: DistillRecipe, to: DistillRecipe): TimedWork {
  const costs = (recipe: DistillRecipe) => {
    const captions = timed.texts.count > from.texts.classes_per_step && recipe.texts.captions;
    const count = timed.texts.count + (captions ? recipe.batch - from.batch : 0);
    const stream = { config: studentConfig(recipe, config), recipe };
    return phasesOf(recipe).map((phase) => [phase.name, stepCost(stream, phase, { ...timed.texts, count })] as const);
  };
  const before = Object.fromEntries(costs(from));
  const secondsAStep = costs(to).map(([name, cost]) => [name, (timed.secondsAStep[name]! * cost) / before[name]!]);
  return { ...timed, secondsAStep: Object.fromEntries(secondsAStep) };
}

function changes(before: DistillRecipe, after: DistillRecipe, size: StudentSize | undefined): string {
  const count = (n: number) => n.toLocaleString('en-GB');
  return [
    ...(after.views === before.views ? [] : [`${after.views} of ${before.views} views`]),
    ...(size === undefined ? [] : [`size ${size}`]),
    ...(after.batch === before.batch ? [] : [`batches of ${after.batch}`]),
    `${count(stepsIn(after))} of ${count(stepsIn(before))} steps`,
  ].join(', ');
}

function clock(seconds: number): string {
  if (seconds < 5400) return `${Math.max(1, Math.round(seconds / 60))} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
