import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Model, TowerModel } from '../../model/index.js';
import {
  dataOption,
  deviceOption,
  examples,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
  withLoaderOptions,
  withRecipeOptions,
  withSubsetOptions,
} from '../options.js';
import { runTraining, type TrainingOptions } from '../training.js';

interface ContinueOptions extends Omit<TrainingOptions, 'out' | 'tensorParallel'> {
  readonly bank: string;
  readonly task?: string;
  readonly student?: string;
  readonly teacher?: string;
  readonly split?: string;
  readonly artists?: readonly string[];
  readonly method?: string;
  readonly lambda?: string;
}

export function addContinue(program: Command): void {
  const command = program
    .command('continue')
    .description('learn one more task (new classes or a new domain), and keep the earlier ones in a bank');
  withLoaderOptions(withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command)))))
    .requiredOption('--bank <folder>', 'folder of the bank; the first task creates it')
    .option('--student <model>', 'checkpoint folder or Hugging Face id of the student that a new bank starts from')
    .option('--teacher <model>', 'learn from this model’s answers instead of labels')
    .addOption(dataOption())
    .option('--task <name>', 'name of the task (default: the data’s)')
    .option('--split <name>', 'images to learn from')
    .option('--artists <names...>', 'only images by these artists')
    .addOption(
      new Option(
        '--method <name>',
        'bank: own prompts for each task; ewc, lwf, replay: shared weights, protected against forgetting; finetune: unprotected',
      ).choices(['bank', 'bank+ewc', 'ewc', 'lwf', 'replay', 'finetune']),
    )
    .option('--lambda <number>', 'strength of the EWC penalty; auto: balanced against the loss')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'continue --bank pets --student runs/demo --data folder:dogs --task dogs',
        'continue --bank pets --data folder:cats --task cats',
        'continue --bank pets --data folder:birds --task birds --teacher my-clip',
        'continue --bank shared --student my-clip --data folder:dogs --method ewc --set ewc.fisher=exact',
      ),
    )
    .action(run);
}

async function run(options: ContinueOptions): Promise<void> {
  const [{ nameOfData }, { number }] = await Promise.all([import('../../continual/index.js'), import('zod')]);
  const task = options.task ?? nameOfData(options.data ?? 'emoji', options.artists);
  const { bank, lambda, student, teacher } = options;
  const strength = number().safeParse(Number(lambda));
  await runTraining({ ...options, out: join(bank, 'runs', task.replace(/[/\\]/g, '-')) }, async () => {
    const [{ continueBank, continueRecipe }, { loadModel, loadTowerModel }] = await Promise.all([
      import('../../continual/index.js'),
      import('../../model/index.js'),
    ]);
    return {
      schema: continueRecipe,
      flags: {
        task,
        'data.split': options.split,
        'data.artists': options.artists,
        method: options.method,
        'ewc.lambda': lambda === undefined || !strength.success ? lambda : strength.data,
      },
      again: [
        ...['--bank', bank, '--task', task],
        ...(student === undefined ? [] : ['--student', student]),
        ...(teacher === undefined ? [] : ['--teacher', teacher]),
      ],
      sources: { ...(student !== undefined && { student }), ...(teacher !== undefined && { teacher }) },
      run: async (given, open) => {
        const own: TowerModel | undefined =
          student === undefined ? undefined : await loadTowerModel(student, 'continue', given);
        const answers: Model | undefined = teacher === undefined ? undefined : await loadModel(teacher, given);
        return continueBank({ ...given, bank, student: own, teacher: answers, dataset: await open() });
      },
      json: (result) => ({
        ...{ bank, task: result.task, classes: result.classes, images: result.images },
        ...{ prompt_parameters: result.ownParameters, lambda: result.lambda, train_seconds: result.seconds },
      }),
      closing: ({ task: name, classes, images, ownParameters, lambda: found, seconds }) => ({
        lines: [
          `learned ${name}: ${classes} classes from ${images} images in ${Math.round(seconds)} s`,
          ...(ownParameters > 0 ? [`${ownParameters.toLocaleString('en-GB')} numbers of its own`] : []),
          ...(found === undefined ? [] : [`held back by consolidation with λ ${found.toPrecision(3)}`]),
        ],
        saved: bank,
        next: [`bank show ${bank}`, `evaluate ${bank} --data ${options.data ?? 'emoji'}`],
      }),
    };
  });
}
