import type { Bank } from '../bank/index.js';
import { UserError } from '../errors.js';
import { modelWeights, PARTS, type TowerModel } from '../model/index.js';
import { copyParams, type Params } from '../nn/index.js';

/** Factor and offset of cosines stay: routing and answers of all tasks are measured by them. */
const kept = new Set(['logit_scale', 'logit_bias']);

/**
 * Copies of the weights that tasks share and learn, as the bank's last task left them: all of the student, or what it has
 * beside its towers. Running statistics of a projector stay as they are, and so do vision prompts where tasks have their own.
 *
 * @param which see the recipe's `shared`
 * @param withPrompts whether tasks have prompts of their own
 * @throws UserError where the student has nothing beside its towers
 */
export function sharedWeights(
  { frozen, shared }: Pick<Bank, 'frozen' | 'shared'>,
  which: 'student' | 'prompts',
  withPrompts: boolean,
): Params {
  const beside = [PARTS.encoder, PARTS.vision, PARTS.projector];
  const names = Object.keys(modelWeights(frozen)).filter(
    (name) =>
      !kept.has(name) &&
      !/\.running_(mean|var)$/.test(name) &&
      !(withPrompts && name.startsWith(PARTS.vision)) &&
      (which === 'student' || beside.some((part) => name.startsWith(part))),
  );
  if (names.length === 0) {
    throw new UserError(
      'shared: prompts: the student has neither a prompt encoder nor a projector to learn; take student, or the method bank',
    );
  }
  const now = { ...modelWeights(frozen), ...shared };
  return copyParams(Object.fromEntries(names.map((name) => [name, now[name]!])));
}

/** Weights of the student as they are before a task, without those that it learns. */
export function fixedWeights(frozen: TowerModel, shared: Params, learned: Params): Params {
  const all = { ...modelWeights(frozen), ...shared };
  return Object.fromEntries(Object.entries(all).filter(([name]) => !(name in learned)));
}
