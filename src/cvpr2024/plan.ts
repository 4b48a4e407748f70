import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examplesOf, fewShot, type ImageTextDataset, labelledOf } from '../data/index.js';
import { countParameters } from '../prompt/index.js';
import type { RunPlan } from '../train/index.js';
import { cvpr2024 } from './cvpr2024.js';
import type { Cvpr2024SeedsOptions } from './cvpr2024-seeds.js';
import { unlabelledImages } from './unlabelled-images.js';

/** Steps of each stage that are timed. */
const timed = 3;

/**
 * What `cvpr2024Seeds` would do, without doing it: what learns, steps and images of both stages over all seeds and data sets,
 * and time by a few steps of each on a few images, in a temporary folder. Measuring the models is not counted.
 *
 * @throws UserError for a recipe that does not fit data or models
 */
export async function planCvpr2024(options: Cvpr2024SeedsOptions): Promise<RunPlan> {
  const { recipe, dataset, targets = [], runDir, teacher, student } = options;
  const { tuning, distillation, accumulate, data, transfer, seeds } = recipe;
  const few = fewShot(labelledOf(dataset, data.split), tuning.shots, recipe.seed);
  const on =
    transfer.length > 0
      ? transfer.map(({ split }, i) => ({ dataset: targets[i]!, split, images: examplesOf(targets[i]!, split) }))
      : [{ dataset, split: data.split, images: unlabelledImages(dataset, data.split, distillation.classes) }];
  const perStep = { tuning: tuning.batch * accumulate, distillation: distillation.batch * accumulate };
  const tuningSteps = seeds * tuning.epochs * Math.floor(few.length / perStep.tuning);
  const steps = on.reduce(
    (sum, { images }) => sum + seeds * distillation.epochs * Math.floor(images.length / perStep.distillation),
    0,
  );
  const [first] = on;
  const some = (from: ImageTextDataset, split: string, examples: readonly (typeof few)[number][]) => {
    const { aside: _, ...rest } = from;
    return { ...rest, splits: { [split]: examples } };
  };
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-plan-'));
  try {
    const { onProgress: _, onMessage: __, invocation: ___, ...quiet } = options;
    const ran = await cvpr2024({
      ...quiet,
      recipe: {
        ...recipe,
        data: { dataset: data.dataset, split: data.split, base: data.base, novel: data.novel },
        tuning: { ...tuning, epochs: 1, shots: timed * perStep.tuning },
        distillation: { ...distillation, epochs: 1, views: 1 },
      },
      dataset: some(dataset, data.split, few.slice(0, timed * perStep.tuning)),
      target: {
        split: first!.split,
        dataset: some(
          first!.dataset,
          first!.split,
          first!.images.slice(0, timed * perStep.distillation) as readonly (typeof few)[number][],
        ),
      },
      runDir: folder,
    });
    if (!ran.finished) options.signal?.throwIfAborted();
    const made = ran.finished ? ran : undefined;
    const each = (seconds: number | undefined, step: number) => ((seconds ?? 0) / timed) * step;
    const images = on.reduce((sum, one) => sum + one.images.length, 0);
    const { vision_config: vision } = teacher.config;
    // Of a view: the teacher's embedding in F32, and the pixels as bytes.
    const view = images * (4 * teacher.config.projection_dim + 3 * vision.image_size ** 2);
    const stored = distillation.targets === 'stored' ? distillation.views * view : 0;
    const learned = made ? countParameters({ ...made.student.prompts, ...made.student.projector }) : 0;
    return {
      parameters: {
        ...(made && {
          'teacher prompts': countParameters(made.teacher.prompts),
          'student prompts and projector': learned,
        }),
        'frozen teacher': countParameters(teacher.params),
        'frozen student': countParameters(student.params),
      },
      phases: [
        { name: 'tuning', steps: tuningSteps, lr: tuning.lr },
        { name: 'distillation', steps, lr: distillation.lr },
      ],
      images,
      imagesSeen: tuningSteps * perStep.tuning + steps * perStep.distillation,
      preparations: [],
      seconds: each(made?.stageSeconds.tuning, tuningSteps) + each(made?.stageSeconds.distillation, steps),
      memory: process.resourceUsage().maxRSS * 1024,
      files: [
        ...(stored > 0
          ? [
              {
                ...{ what: 'the teacher targets', folder: runDir, bytes: seeds * stored },
                each: { what: 'view', bytes: view },
                remedy: 'give fewer views (--set distillation.views=1), or --set distillation.targets=live',
              },
            ]
          : []),
        // The student whole, and what learns with its momentum, of each seed and data set.
        {
          what: 'the run',
          folder: runDir,
          bytes: seeds * on.length * 4 * (countParameters(student.params) + 3 * learned),
        },
      ],
      device: options.engine?.device ?? 'cpu',
      notes: [`${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, each measured at its end, which the time does not count`],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
