/** What of this task runs in a browser. */
export { checkedQuestion } from './checked-question.js';
export { type RankedAnswer, rankAnswers } from './rank-answers.js';
