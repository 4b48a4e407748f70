import { type ClipConfig, isSiglip } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import type { DistillRecipe, LossName } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';

/**
 * Refuses losses that have nothing to compare: no captions, no mapped layers, or a teacher without inner states.
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
  const { method, losses, texts } = recipe;
  const full = method === 'promptkd';
  if (!teacher.inner) checkEmbeddingsSuffice(recipe, needs, 'teacher');
  if (student && isSiglip(student)) checkEmbeddingsSuffice(recipe, needs, 'student');
  if (full && needs.has('cross_modal') && !texts.captions) {
    throw new UserError(
      'losses.cross_modal: it compares drawings with their captions: set texts.captions, or switch it off',
    );
  }
  if (full && needs.has('attention') && losses.layers === 'none') {
    throw new UserError(
      'losses.attention: it compares the attention of mapped layers, and losses.layers is none: map some, or switch it off',
    );
  }
}

/** One sentence with all that must be set for a model of which embeddings alone can be compared. */
function checkEmbeddingsSuffice(
  recipe: DistillRecipe,
  needs: ReadonlySet<LossName>,
  model: 'teacher' | 'student',
): void {
  const { method, losses, kd, student } = recipe;
  const full = method === 'promptkd';
  const settings = [
    full && needs.has('attention') && 'losses.attention.enabled=false',
    full && needs.has('cross_modal') && 'losses.cross_modal.enabled=false',
    full && needs.has('feature') && losses.layers !== 'none' && 'losses.layers=none',
    full && student.init === 'inherit' && 'student.init=random (or given)',
    !full && kd.init === 'inherit' && 'kd.init=random (or given)',
  ].filter((setting) => setting !== false);
  if (settings.length > 0) {
    throw new UserError(
      `${model}: a pair of ONNX files and a SigLIP are compared by their embeddings alone, not by hidden states or attention maps: ` +
        `set ${settings.join(', ')}`,
    );
  }
}
