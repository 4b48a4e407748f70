import { type PlacedEvaluation, scoreOf, shareOfTeacher, trendOf } from '../train/index.js';
import { guessing } from './guessing.js';

/** What a finished distillation showed. */
export interface Outcome {
  /** Of the last phase, in their order; at least one. */
  readonly evaluations: readonly PlacedEvaluation[];
  readonly best: PlacedEvaluation;
  /** The finished student's score on as many of the images that it was trained on. */
  readonly trained: number;
  /** What guessing reaches. */
  readonly chance: number;
  /** Name and steps of the last phase, and views of an image, as the recipe had them. */
  readonly phase: string;
  readonly steps: number;
  readonly views: number;
  /** Whether its patience ended the run before those steps. */
  readonly early: boolean;
  /** Class texts that the teacher was trained with, where those of the run are far from them. */
  readonly ownTemplates?: readonly string[];
}

/** What to try next, in sentences, by what a run showed; empty where nothing stands out. */
export function adviceOf(outcome: Outcome): string[] {
  const guessing = otherTeacher(outcome);
  // Nothing else helps then.
  if (guessing) return [guessing];
  const rules = [teachersTexts, longer, takeBest, moreViews, larger, smaller];
  return rules.flatMap((rule) => rule(outcome) ?? []);
}

/** A teacher that guesses teaches guessing. */
export function otherTeacher({ best: { teacher, images }, chance }: Outcome): string | undefined {
  if (teacher === undefined || !guessing(teacher, chance, images)) return undefined;
  return 'another teacher, or texts that this one knows (--set texts.templates=…): it guesses on this data';
}

/** The class texts of the run are far from those that the teacher knows. */
export function teachersTexts({ ownTemplates }: Outcome): string | undefined {
  if (!ownTemplates) return undefined;
  return `the teacher’s own class texts (--set 'texts.templates=${JSON.stringify(ownTemplates.slice(0, 3))}'): by others it knows less`;
}

/** Still better at the end, or not half as good as its teacher by then. More steps do not help a run that ended early. */
export function longer({ evaluations, best, phase, steps, early }: Outcome): string | undefined {
  const share = shareOfTeacher(best);
  const section = phase === 'kd' ? 'kd' : `phases.${phase}`;
  if (share !== undefined && share < 0.5) {
    const longer = early ? '' : `longer (--set ${section}.steps=${2 * steps}), or `;
    return `${longer}at another rate (--set ${section}.lr=…): it is at ${percent(share)} of its teacher`;
  }
  if (early || trendOf(evaluations) !== 'learning') return undefined;
  return `longer: it was still learning at the end (--set ${section}.steps=${2 * steps}, or a larger --preset)`;
}

/** Clearly worse at the end than before. */
export function takeBest({ evaluations, best, early }: Outcome): string | undefined {
  const last = evaluations.at(-1)!;
  if (scoreOf(best) - scoreOf(last) <= error(last)) return undefined;
  return `its step ${best.step} instead of the last, it is in best/${early ? '' : ' (--set evaluation.patience=3 ends such a run sooner)'}`;
}

/** Ten points better on its own images than on others. */
export function moreViews({ evaluations, trained, views }: Outcome): string | undefined {
  const seen = scoreOf(evaluations.at(-1)!);
  if (trained - seen <= Math.max(0.1, 2 * error(evaluations.at(-1)!))) return undefined;
  return `more views (--set views=${2 * views}), more images, or fewer steps: it is right on ${percent(trained)} of the images that it was trained on, and on ${percent(seen)} of others`;
}

/** Levelled off well below its teacher, on its own images too. */
export function larger(outcome: Outcome): string | undefined {
  const share = shareOfTeacher(outcome.best);
  if (
    share === undefined ||
    share < 0.5 ||
    share >= 0.9 ||
    trendOf(outcome.evaluations) !== 'level' ||
    moreViews(outcome)
  )
    return undefined;
  return `a larger student (--size base, or --set student.vision.hidden_size=…): it levels off at ${percent(share)} of its teacher`;
}

/** As good as its teacher, and clearly better than guessing: on a few images both may be as good by chance. */
export function smaller({ best, chance }: Outcome): string | undefined {
  const share = shareOfTeacher(best);
  if (share === undefined || share < 0.98 || scoreOf(best) - chance <= 2 * error(best)) return undefined;
  return 'a smaller student (--size tiny), or a better teacher: it is as good as this one';
}

/** Standard error of a share of so many images. */
const error = (evaluation: PlacedEvaluation) => {
  const score = scoreOf(evaluation);
  return Math.sqrt(Math.max(score * (1 - score), 1 / 16) / evaluation.images);
};

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
