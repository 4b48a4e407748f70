import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Device } from '../../runtime/index.js';
import { lossFields, withLossFlags } from '../loss-flags.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  type EngineOptions,
  engineFlags,
  examples,
  type LoaderFlags,
  loaderOptions,
  printResult,
  promptsOption,
  type RecipeOptions,
  ranksOption,
  type SubsetOptions,
  subsetFlags,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
  withLoaderOptions,
  withRecipeOptions,
  withSubsetOptions,
} from '../options.js';

interface DistillOptions extends CommonOptions, RecipeOptions, SubsetOptions, EngineOptions, LoaderFlags {
  readonly teacher: string;
  readonly student?: string;
  readonly method?: string;
  /** A file of `--prompts`; false with `--no-prompts`. */
  readonly prompts?: string | false;
  readonly coordination: boolean;
  readonly inherit: boolean;
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
  readonly tensorParallel?: number;
}

export function addDistill(program: Command): void {
  const command = program.command('distill').description('distil a teacher into a small student, with dynamic prompts');
  withLoaderOptions(withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command)))))
    .requiredOption(
      '--teacher <folder>',
      'checkpoint folder or Hugging Face id of the teacher; of a model that is only in ONNX, its embeddings are used',
    )
    .option('--student <folder>', 'checkpoint the student starts from; without it, the recipe says how it starts')
    .addOption(dataOption())
    .requiredOption('--out <folder>', 'run folder; a run that was stopped goes on from it')
    .addOption(
      new Option('--method <method>', 'promptkd: the dual-stream method; kd: logits alone, without prompts').choices([
        'promptkd',
        'kd',
      ]),
    )
    // Before --no-prompts, which would otherwise make true the default of both.
    .addOption(promptsOption())
    .option('--no-prompts', 'without learned prompts')
    .option('--no-coordination', 'without gradient coordination: no clipping, γ = 1')
    .option('--no-inherit', 'start the student from random weights')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(ranksOption('student and teacher (not of a teacher that is only in ONNX)'))
    .addHelpText(
      'after',
      examples(
        'distill --teacher models/emoji-teacher --out runs/student',
        'distill --teacher models/emoji-teacher --out runs/kd --method kd',
        'distill --teacher models/emoji-teacher --out runs/prompted --prompts prompts.json',
        'distill --teacher models/emoji-teacher --out runs/large --recompute --set batch=512',
        'distill --teacher models/emoji-teacher --out runs/ablation --no-attention --seed 3',
        'distill --teacher models/emoji-teacher --out runs/little --fraction 0.1 --imbalance 7',
        'distill --teacher my-clip --data folder:photos --out runs/mine --recipe recipe.yaml --set phases.joint.steps=4000',
      ),
    )
    .action(run);
  withLossFlags(program, command);
}

/** The recipe fields that the flags stand for. */
async function flags(options: DistillOptions, command: Command): Promise<Record<string, unknown>> {
  const off = (flag: boolean) => (flag ? undefined : false);
  const { readPromptSet } = await import('../../prompt/index.js');
  const { templates, weights } = options.prompts ? await readPromptSet(options.prompts) : {};
  return {
    'data.dataset': options.data,
    ...subsetFlags(options),
    ...engineFlags(options),
    ...(await lossFields(command)),
    seed: options.seed,
    method: options.method,
    'texts.templates': templates,
    'texts.weights': weights,
    'student.checkpoint': options.student,
    'student.init': options.student ? 'given' : options.inherit ? undefined : 'random',
    'prompts.enabled': off(options.prompts !== false),
    'coordination.clip': options.coordination ? undefined : 0,
    'coordination.gamma': options.coordination ? undefined : 1,
  };
}

async function run(options: DistillOptions, command: Command): Promise<void> {
  const [
    { distill, distillRecipe, loadTeacher },
    { openDataset },
    { loadRecipe, writeRecipe },
    { createProgress, showDownload, showTexts },
    { resumable },
  ] = await Promise.all([
    import('../../distill/index.js'),
    import('../../data/index.js'),
    import('../../files/recipe-file.js'),
    import('../progress.js'),
    import('../interrupt.js'),
  ]);
  const { out, device, threads } = options;
  const loader = await loaderOptions(options);
  const recipe = await loadRecipe(distillRecipe, {
    file: options.recipe,
    set: options.set,
    flags: await flags(options, command),
  });
  const progress = createProgress(options);
  const onDownload = showDownload(progress);
  try {
    const teacher = await loadTeacher(options.teacher, { onDownload, device, threads });
    const dataset = await openDataset(recipe.data.dataset);
    progress.log(await writeRecipe(out, recipe, { teacher: options.teacher }));
    const result = await resumable(out, (signal) =>
      distill({
        teacher,
        dataset,
        recipe,
        runDir: out,
        signal,
        loader,
        compile: { device, threads, ranks: options.tensorParallel },
        onDownload,
        onTexts: showTexts(progress),
        onTeacherTexts: (step, steps) => progress.update({ phase: 'teacher texts', step, steps }),
        onTargets: (done, total) => progress.update({ phase: 'teacher targets', step: done, steps: total }),
        onStep: ({ phase, step, steps, losses, imagesPerSecond }) =>
          progress.update({ phase, step, steps, losses, imagesPerSecond }),
      }),
    );
    await writeRecipe(out, recipe, { replace: true, teacher: options.teacher });
    progress.stop();
    const student = join(out, 'student');
    const { imagesSeen, seconds, parameters } = result;
    printResult(
      options,
      { student, parameters, images_seen: imagesSeen, train_seconds: seconds },
      () =>
        `${student}: ${parameters.toLocaleString('en-GB')} parameters, ${imagesSeen.toLocaleString('en-GB')} images seen in ${Math.round(seconds)} s; measure it with: promptkd evaluate ${student}`,
    );
  } finally {
    progress.stop();
  }
}
