import { examplesOf, type ImageTextDataset, sameImages } from '../data/index.js';
import { heldOutSplit, Probe } from '../evaluate/index.js';
import type { Model } from '../model/index.js';
import { trainingTemplates } from '../prompt/index.js';
import { evaluationsOf, type History, type RunEvaluation, scoreOf } from '../train/index.js';
import { guessing } from './guessing.js';
import type { DistillOptions } from './prepare.js';
import { modelOf } from './teacher/teacher.js';

type Measuring = Pick<DistillOptions, 'recipe' | 'teacher' | 'engine' | 'signal' | 'onMessage' | 'onProgress'> & {
  readonly dataset: ImageTextDataset;
};

/** Looks at the student while it is distilled, beside its teacher on the same images. */
export class StudentProbe {
  private constructor(
    private readonly options: Measuring,
    private readonly split: string,
    private readonly probe: Probe,
    /** The teacher's score: see `scoreOf`. */
    readonly teacher: number,
  ) {}

  /**
   * Reads the images that the student is measured on, and measures the teacher on them where no earlier sitting has. Says
   * where the teacher knows nothing of this data, and where images of its split or of the test are among those trained on.
   *
   * @param student whose preprocessing they are given
   * @returns undefined where the recipe wants no evaluations, or the data has nothing to measure by
   */
  static async open(
    options: Measuring,
    student: Pick<Model, 'preprocess'>,
    history: History,
  ): Promise<StudentProbe | undefined> {
    const { recipe, dataset, engine, signal, onMessage, onProgress } = options;
    const { every, images, split: wanted } = recipe.evaluation;
    const { split: trained } = recipe.data;
    const split = every > 0 ? heldOutSplit(dataset, { trained, wanted }, onMessage) : undefined;
    if (split === undefined) return undefined;
    await onProgress?.({ phase: 'measuring the teacher', step: 0, steps: 0 });
    const chosen = { ...textsOf(recipe, dataset), split, images };
    const probe = await Probe.open(dataset, student, chosen);
    const known = evaluationsOf(history.entries).find((one) => one.split === split && one.images === probe.images);
    const model = modelOf(options.teacher);
    const measured = async () =>
      scoreOf(
        await (await Probe.open(dataset, model, chosen)).measure(model, {
          ...{ ...engine, signal },
          onProgress: (step, steps) => void onProgress?.({ phase: 'measuring the teacher', step, steps }),
        }),
      );
    const teacher = known?.teacher ?? (await measured());
    const guessed = guessing(teacher, probe.chance, probe.images);
    if (guessed) {
      onMessage?.(
        `the teacher is right on ${percent(teacher)} (${percent(guessed.low)} to ${percent(guessed.high)}) of ${probe.images} images of ${split}, where guessing is on ${percent(probe.chance)}: it knows nothing of this data, or not by these texts (texts.templates); a student learns no more than that`,
      );
    }
    for (const held of new Set([split, 'test'])) {
      if (held !== trained && dataset.splits[held]) await warnOfSame(dataset, held, trained, onMessage);
    }
    return new StudentProbe(options, split, probe, teacher);
  }

  /** What guessing reaches. */
  get chance(): number {
    return this.probe.chance;
  }

  /** Whether a step is one to measure after: every so many of its phase, and its last. */
  isDue(step: number, steps: number): boolean {
    return step % this.options.recipe.evaluation.every === 0 || step === steps;
  }

  async measure(student: Model): Promise<RunEvaluation> {
    const { engine } = this.options;
    const figures = await this.probe.measure(student, engine);
    return { split: this.split, images: this.probe.images, ...figures, teacher: this.teacher };
  }

  /** The student's score on as many of the images that it was trained on, not augmented. */
  async measureTrained(student: Model): Promise<number> {
    const { recipe, dataset, engine } = this.options;
    const chosen = { ...textsOf(recipe, dataset), split: recipe.data.split, images: this.probe.images };
    return scoreOf(await (await Probe.open(dataset, student, chosen)).measure(student, engine));
  }
}

const textsOf = ({ texts }: DistillOptions['recipe'], dataset: ImageTextDataset) => ({
  templates: trainingTemplates(texts.templates, dataset),
  weights: texts.weights,
});

async function warnOfSame(
  dataset: ImageTextDataset,
  split: string,
  trained: string,
  onMessage: DistillOptions['onMessage'],
): Promise<void> {
  const same = await sameImages(dataset, examplesOf(dataset, split), examplesOf(dataset, trained));
  const [first] = same;
  if (!first) return;
  onMessage?.(
    `${same.length} of the images of ${split} ${same.length === 1 ? 'is' : 'are'} byte for byte among those trained on (${first.id} is ${first.as}): figures on them say nothing of new images`,
  );
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
