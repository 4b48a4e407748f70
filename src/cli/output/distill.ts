import type { DistillRecipe, DistillResult } from '../../distill/index.js';
import { adviceOf } from '../../distill/index.js';
import { bytesIn } from '../../files/index.js';
import { bytes, duration, percent } from '../../report/index.js';
import { scoreName } from '../../train/index.js';
import { evaluationText } from './run-figures.js';
import { fusionJson, fusionLines } from './teachers.js';

/** A finished distillation for machines. */
export function distillJson({ folder, parameters, imagesSeen, seconds, validation, fusion }: DistillResult) {
  const { evaluations, best, trained, chance } = validation ?? {};
  return {
    ...{ student: folder, parameters, bytes: bytesIn(folder), images_seen: imagesSeen, train_seconds: seconds },
    ...(validation && { evaluation: evaluations?.at(-1), best, trained_score: trained, chance }),
    ...(fusion && { teachers: fusionJson(fusion) }),
  };
}

/** The same for people: what it costs, how good it is, and what to try next. */
export function distillLines(result: DistillResult, recipe: DistillRecipe): string[] {
  const { folder, parameters, imagesSeen, seconds, steps, phases, validation, fusion } = result;
  const several = fusion ? fusionLines(fusion) : [];
  const number = (n: number) => n.toLocaleString('en-GB');
  const cost = `${number(parameters)} parameters, ${bytes(bytesIn(folder))}; ${number(imagesSeen)} images seen in ${duration(seconds)}`;
  if (!validation) return [...several, cost];
  const { evaluations, best, trained, chance } = validation;
  const last = evaluations.at(-1)!;
  const planned = phases.at(-1)!;
  const early = steps < planned.firstStep + planned.steps;
  const advice = adviceOf({ ...validation, phase: planned.name, steps: planned.steps, views: recipe.views, early });
  return [
    ...several,
    evaluationText(last),
    `${scoreName(last)} ${percent(trained)} % on images that it was trained on, ${percent(chance)} % by guessing`,
    ...(best.step < last.step ? [`best at step ${number(best.step)}: ${evaluationText(best)}: ${best.folder}`] : []),
    ...(early
      ? [`ended early, at step ${number(steps)}: no better for ${recipe.evaluation.patience} evaluations`]
      : []),
    cost,
    ...advice.map((sentence, i) => `${i === 0 ? 'try' : '   '}  ${sentence}`),
  ];
}
