import { type ClipConfig, isSiglip } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { mapLayers } from '../losses/layer-map.js';
import type { OtherModel } from '../losses/loss.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { lossesOf, sectionsOf, teacherName } from './check-teachers.js';

/**
 * The teachers beside the first, with their mapped layers and losses.
 *
 * @param teachers all, the first too
 * @throws UserError for mapped layers that one of them does not have
 */
export function otherModels(recipe: DistillRecipe, teachers: readonly Teacher[], student: ClipConfig): OtherModel[] {
  const sections = sectionsOf(recipe, teachers.length);
  return teachers.flatMap(({ config, inner }, index) => {
    if (index === 0) return [];
    const layers = [student, config].map((one) => one.vision_config.num_hidden_layers) as [number, number];
    const pairs = inner && !isSiglip(student) ? mapped(recipe, layers, teacherName(recipe, index)) : [];
    const gives = lossesOf(sections[index]!, index, inner && pairs.length > 0);
    return [{ index, config, pairs, gives }];
  });
}

function mapped({ losses: { layers } }: DistillRecipe, [own, theirs]: readonly [number, number], name: string) {
  try {
    return mapLayers(layers, own, theirs);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${name}: ${error.message}: set losses.layers to even, last or none, which fit every teacher`);
  }
}
