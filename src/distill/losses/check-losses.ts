import { type ClipConfig, isSiglip } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { type LossName, losses } from './index.js';

/**
 * Refuses losses that have nothing to compare, by what each requires: no captions, no mapped layers, or a model without
 * inner states.
 *
 * @param needs the losses of all phases
 * @param student left out while it is not known
 * @throws UserError naming the fields, and what to set
 */
export function checkLosses(
  recipe: DistillRecipe,
  needs: ReadonlySet<LossName>,
  teacher: Pick<Teacher, 'inner'>,
  student?: ClipConfig,
): void {
  if (!teacher.inner) checkEmbeddingsSuffice(recipe, needs, 'teacher');
  if (student && isSiglip(student)) checkEmbeddingsSuffice(recipe, needs, 'student');
  for (const { name, requires } of losses.filter((loss) => needs.has(loss.name))) {
    if (requires?.captions && !recipe.texts.captions) {
      throw new UserError(`losses.${name}: ${requires.captions}: set texts.captions, or switch it off`);
    }
    if (requires?.mappedLayers && recipe.losses.layers === 'none') {
      throw new UserError(
        `losses.${name}: ${requires.mappedLayers}, and losses.layers is none: map some, or switch it off`,
      );
    }
  }
}

/** One sentence with all that must be set for a model of which embeddings alone can be compared. */
function checkEmbeddingsSuffice(
  recipe: DistillRecipe,
  needs: ReadonlySet<LossName>,
  model: 'teacher' | 'student',
): void {
  const section = recipe.method === 'promptkd' ? 'student' : 'kd';
  const inner = losses.filter(({ name, requires }) => needs.has(name) && requires?.innerStates);
  const mapped = inner.some(({ requires }) => requires?.innerStates === 'mapped layers');
  const settings = [
    ...inner
      .filter(({ requires }) => requires?.innerStates === 'always')
      .map(({ name }) => `losses.${name}.enabled=false`),
    ...(mapped && recipe.losses.layers !== 'none' ? ['losses.layers=none'] : []),
    ...(recipe[section].init === 'inherit' ? [`${section}.init=random (or given)`] : []),
  ];
  if (settings.length > 0) {
    throw new UserError(
      `${model}: a pair of ONNX files and a SigLIP are compared by their embeddings alone, not by hidden states or attention maps: ` +
        `set ${settings.join(', ')}`,
    );
  }
}
