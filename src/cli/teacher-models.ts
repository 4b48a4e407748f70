import type { DistillRecipe } from '../distill/index.js';
import { UserError } from '../errors.js';

/**
 * A recipe whose teachers have their models: those of the command line, or the recipe's own. One teacher of the command line is
 * no part of the recipe.
 *
 * @param given values of `--teacher`
 * @throws UserError where neither or both name them
 */
export function withTeacherModels(recipe: DistillRecipe, given: readonly string[]): DistillRecipe {
  const { teachers } = recipe;
  const named = teachers.filter(({ model }) => model !== undefined).length;
  if (given.length === 0) {
    if (teachers.length > 0 && named === teachers.length) return recipe;
    const missing = teachers.findIndex(({ model }) => model === undefined);
    throw new UserError(
      missing < 0
        ? '--teacher: expected the folder or hub id of a teacher, or several; or teachers in the recipe, each with its model'
        : `teachers.${missing}.model: expected a folder or hub id, as --teacher gives none`,
    );
  }
  if (named > 0)
    throw new UserError('--teacher: the recipe names its teachers (teachers.N.model): leave out one of them');
  if (teachers.length === 0 && given.length === 1) return recipe;
  if (teachers.length > 0 && teachers.length !== given.length) {
    throw new UserError(`--teacher: the recipe has ${teachers.length} teachers, got ${given.length}`);
  }
  const sections = given.map((model, k) => ({ temperature: 'fit' as const, ...teachers[k], model }));
  return { ...recipe, teachers: sections };
}

/** The models of a recipe's teachers, the first first. @param given values of `--teacher` */
export const teacherModels = ({ teachers }: DistillRecipe, given: readonly string[]): readonly string[] =>
  teachers.length > 0 ? teachers.map(({ model }) => model!) : given;
