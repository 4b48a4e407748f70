import type { ImageTextDataset } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { type LossName, lossNames } from '../losses/index.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { ruleOf, type TeacherSection } from './teachers-recipe.js';

/** Losses that a teacher beside the first can give targets for. */
const shared: readonly LossName[] = ['response', 'feature', 'attention'];

/** The sections of a recipe's teachers, as many as there are: one that says nothing has the defaults. */
export function sectionsOf(recipe: DistillRecipe, count: number): TeacherSection[] {
  return Array.from({ length: count }, (_, k) => recipe.teachers[k] ?? { temperature: 'fit' });
}

/** Which losses teacher k gives targets for. */
export function lossesOf({ losses }: TeacherSection, k: number, inner: boolean): ReadonlySet<LossName> {
  if (losses) return new Set(losses);
  return new Set(k === 0 ? lossNames : shared.filter((name) => name !== 'attention' || inner));
}

/** A teacher as errors call it. */
export const teacherName = (recipe: DistillRecipe, k: number): string =>
  recipe.teachers[k]?.model ?? `teacher ${k + 1}`;

/**
 * Refuses teachers that do not fit the recipe, the data or one another.
 *
 * @param teachers all of them, the first too
 * @throws UserError naming the field, and what to do
 */
export function checkTeachers(recipe: DistillRecipe, teachers: readonly Teacher[], dataset: ImageTextDataset): void {
  const stated = recipe.teachers.length;
  if (stated > 0 && stated !== teachers.length) {
    throw new UserError(
      `teachers: the recipe has ${stated}, and ${teachers.length} ${teachers.length === 1 ? 'is' : 'are'} given: name as many with --teacher, or each as teachers.N.model in the recipe`,
    );
  }
  if (teachers.length < 2) {
    refuseAlone(recipe);
    return;
  }
  refuseTwice(recipe, teachers);
  checkWeights(recipe, teachers.length);
  checkLossesOf(recipe, teachers);
  checkClasses(recipe, teachers.length, dataset);
  const rule = ruleOf(recipe);
  if (rule === 'adaptive' && teachers.length !== 2) {
    throw new UserError(
      `fusion.rule: adaptive is of two teachers, the adapted one first and then the zero-shot prior; got ${teachers.length}`,
    );
  }
  const { floor } = recipe.fusion;
  if (floor * teachers.length > 1) {
    throw new UserError(
      `fusion.floor: expected at most ${1 / teachers.length} for ${teachers.length} teachers, as weights sum to 1, got ${floor}`,
    );
  }
  const { base } = recipe.fusion.adaptive;
  const sum = base.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) > 1e-6) {
    throw new UserError(`fusion.adaptive.base: expected three shares that sum to 1, got ${base.join(', ')}`);
  }
}

function refuseAlone({ teachers, fusion }: DistillRecipe): void {
  const [only] = teachers;
  const needless = only && (['weight', 'classes', 'templates', 'prompts', 'losses'] as const).find((f) => only[f]);
  const said = needless ? `teachers.0.${needless}` : fusion.rule && `fusion.rule`;
  if (said) {
    throw new UserError(
      `${said}: it is for several teachers, and there is one: give another with --teacher, or leave it out`,
    );
  }
}

function refuseTwice(recipe: DistillRecipe, teachers: readonly Teacher[]): void {
  const seen = new Map<string, number>();
  for (const [k, teacher] of teachers.entries()) {
    const fingerprint = teacher.fingerprint();
    const first = seen.get(fingerprint);
    if (first !== undefined) {
      throw new UserError(
        `teachers: ${teacherName(recipe, first)} and ${teacherName(recipe, k)} are the same model: give it once, with teachers.N.weight for how much it counts`,
      );
    }
    seen.set(fingerprint, k);
  }
}

function checkWeights(recipe: DistillRecipe, count: number): void {
  const weights = sectionsOf(recipe, count).map(({ weight }) => weight);
  const given = weights.filter((weight) => weight !== undefined);
  const rule = ruleOf(recipe);
  if (rule !== 'fixed') {
    if (given.length === 0) return;
    throw new UserError(
      `teachers: weights count under fusion.rule fixed alone, and it is ${rule}: leave out one of them`,
    );
  }
  if (given.length < count) {
    throw new UserError(
      `teachers.${weights.indexOf(undefined)}.weight: fusion.rule is fixed, for which each of the ${count} teachers needs a weight`,
    );
  }
  const negative = given.findIndex((weight) => weight < 0);
  if (negative >= 0) {
    throw new UserError(`teachers.${negative}.weight: expected a weight of 0 or more, got ${given[negative]}`);
  }
  const sum = given.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) > 1e-6) {
    throw new UserError(`teachers: expected weights that sum to 1, got ${given.join(' + ')} = ${sum}`);
  }
}

function checkLossesOf(recipe: DistillRecipe, teachers: readonly Teacher[]): void {
  let answers = false;
  for (const [k, { losses }] of sectionsOf(recipe, teachers.length).entries()) {
    answers ||= lossesOf({ losses } as TeacherSection, k, teachers[k]!.inner).has('response');
    if (!losses) continue;
    if (losses.includes('attention') && !teachers[k]!.inner) {
      throw new UserError(
        `teachers.${k}.losses: attention is asked of ${teacherName(recipe, k)}, of which embeddings alone are known (a pair of ONNX files, or a SigLIP): leave attention out`,
      );
    }
    const alone = k > 0 ? losses.find((name) => !shared.includes(name)) : undefined;
    if (alone) {
      throw new UserError(
        `teachers.${k}.losses: ${alone} is of the first teacher alone; expected some of ${shared.join(', ')}`,
      );
    }
  }
  if (!answers) throw new UserError('teachers: expected response among the losses of one of them at least, got none');
}

function checkClasses(recipe: DistillRecipe, count: number, dataset: ImageTextDataset): void {
  const names = new Set(dataset.classes.filter(({ novel }) => !novel).map(({ name }) => name));
  const lists = sectionsOf(recipe, count).map(({ classes }) => classes && new Set(classes));
  for (const [k, list] of lists.entries()) {
    const unknown = list && [...list].find((name) => !names.has(name));
    if (unknown !== undefined) {
      throw new UserError(`teachers.${k}.classes: ${dataset.name} has no class "${unknown}" to train on`);
    }
  }
  // Under the adaptive rule the prior answers for what the teacher lacks; elsewhere answers of nothing in common cannot be weighed.
  const given = lists.filter((list) => list !== undefined);
  if (given.length < 2) return;
  const common = [...given[0]!].filter((name) => given.every((list) => list.has(name)));
  if (common.length === 0) {
    throw new UserError(
      `teachers: their classes have none in common, so that their predictions cannot be compared: give each the classes it knows, or leave teachers.N.classes out`,
    );
  }
}
