import { UserError } from '../../errors.js';
import { Random } from '../../math/index.js';
import type { Question, VqaDataset } from './data/question.js';

/** Questions of a split that have answers, some of them by lot where not all are wanted. @throws UserError where there are none */
export function questionsOf({ name, splits }: VqaDataset, split: string, most?: number, seed = 0): Question[] {
  const all = Object.hasOwn(splits, split) ? splits[split] : undefined;
  if (!all) {
    throw new UserError(`${name}: expected a split, one of ${Object.keys(splits).join(', ')}, got ${split}`);
  }
  const answered = all.filter(({ answers }) => answers.length > 0);
  if (answered.length === 0) {
    throw new UserError(
      `${name}/${split}: expected questions with answers, got ${all.length} without: its answers are kept secret`,
    );
  }
  return most === undefined || most >= answered.length
    ? answered
    : new Random('vqa-questions', split, seed).shuffle(answered).slice(0, most);
}
