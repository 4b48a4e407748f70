import type { DistillRecipe, DistillResult, DistillValidation } from '../../distill/index.js';
import { adviceOf } from '../../distill/index.js';
import { bytesIn } from '../../files/index.js';
import { bytes, duration, percent } from '../../report/index.js';
import { scoreName } from '../../train/index.js';
import { evaluationText } from './run-figures.js';
import { fusionJson, fusionLines } from './teachers.js';

/** A finished distillation for machines. */
export function distillJson(result: DistillResult, recipe: DistillRecipe) {
  const { folder, parameters, imagesSeen, seconds, steps, validation, fusion } = result;
  const { evaluations, best, trained, chance } = validation ?? {};
  return {
    ...{ student: folder, parameters, bytes: bytesIn(folder), images_seen: imagesSeen, train_seconds: seconds },
    ...{ steps, ended_early: endedEarly(result) },
    ...(validation && { evaluation: evaluations?.at(-1), best, trained_score: trained, chance }),
    ...(validation && { try: advice(result, validation, recipe) }),
    ...(fusion && { teachers: fusionJson(fusion) }),
  };
}

/** Whether its patience ended a run before its last step. */
function endedEarly({ steps, phases }: DistillResult): boolean {
  const { firstStep, steps: planned } = phases.at(-1)!;
  return steps < firstStep + planned;
}

function advice(result: DistillResult, validation: DistillValidation, { views }: DistillRecipe): string[] {
  const { name, steps } = result.phases.at(-1)!;
  return adviceOf({ ...validation, phase: name, steps, views, early: endedEarly(result) });
}

const counted = (evaluations: number) => (evaluations === 1 ? 'one evaluation' : `${evaluations} evaluations`);

/** The same for people: what it costs, how good it is, and what to try next. */
export function distillLines(result: DistillResult, recipe: DistillRecipe): string[] {
  const { folder, parameters, imagesSeen, seconds, steps, validation, fusion } = result;
  const several = fusion ? fusionLines(fusion) : [];
  const number = (n: number) => n.toLocaleString('en-GB');
  const cost = `${number(parameters)} parameters, ${bytes(bytesIn(folder))}; ${number(imagesSeen)} images seen in ${duration(seconds)}`;
  if (!validation) return [...several, cost];
  const { evaluations, best, trained, chance } = validation;
  const last = evaluations.at(-1)!;
  return [
    ...several,
    evaluationText(last),
    `${scoreName(last)} ${percent(trained)} % on images that it was trained on, ${percent(chance)} % by guessing`,
    ...(best.step < last.step ? [`best at step ${number(best.step)}: ${evaluationText(best)}: ${best.folder}`] : []),
    ...(endedEarly(result)
      ? [`ended early, at step ${number(steps)}: no better for ${counted(recipe.evaluation.patience!)}`]
      : []),
    cost,
    ...advice(result, validation, recipe).map((sentence, i) => `${i === 0 ? 'try' : '   '}  ${sentence}`),
  ];
}
