import { UserError } from '../../errors.js';

/** Longest question that is answered, in characters. */
export const longestQuestion = 1000;

/** A question without the space around it. @throws UserError for one without words, or one that is too long */
export function checkedQuestion(question: string): string {
  const text = question.trim();
  if (text === '') throw new UserError('question: expected some words, got an empty one');
  if (text.length > longestQuestion) {
    throw new UserError(`question: expected at most ${longestQuestion} characters, got ${text.length}`);
  }
  return text;
}
