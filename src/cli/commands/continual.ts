import { join } from 'node:path';
import type { Command } from 'commander';
import type { ContinualRecipe, ContinualResult } from '../../continual/index.js';
import type { RunOutcome } from '../../train/index.js';
import {
  examples,
  positiveInteger,
  withCommonOptions,
  withEngineOptions,
  withLoaderOptions,
  withRecipeOptions,
  withSubsetOptions,
} from '../options.js';
import { runTraining, type TrainingOptions, withRunOptions } from '../training.js';

interface ContinualOptions extends Omit<TrainingOptions, 'tensorParallel'> {
  readonly student: string;
  readonly teacher?: string;
  readonly methods?: readonly string[];
  readonly seeds?: number;
  readonly orders?: number;
}

export function addContinual(program: Command): void {
  const command = program
    .command('continual')
    .description('learn a sequence of tasks with several methods, and measure how much of each is kept: a benchmark');
  withRunOptions(withLoaderOptions(withEngineOptions(withSubsetOptions(withRecipeOptions(withCommonOptions(command))))))
    .requiredOption('--student <model>', 'checkpoint folder or Hugging Face id that every run starts from')
    .option('--teacher <model>', 'learn from this model’s answers instead of labels')
    .option('--methods <names...>', 'zero-shot, joint, finetune, replay, lwf, ewc, bank, bank+ewc')
    .option('--seeds <n>', 'number of seeds, from --seed on', positiveInteger)
    .option('--orders <n>', 'number of orders of the tasks', positiveInteger)
    .addHelpText(
      'after',
      examples(
        'continual --recipe promptkd:continual-domains --student promptkd:emoji-student --out runs/domains',
        'continual --recipe promptkd:continual-classes --student promptkd:emoji-student --seeds 3 --orders 2 --out runs/classes',
      ),
    )
    .action(run);
}

async function run(options: ContinualOptions): Promise<void> {
  await runTraining<ContinualRecipe, RunOutcome<ContinualResult>>(options, async () => {
    const [{ continual, continualRecipe }, { loadModel, loadTowerModel }, { writeFileAtomic }, output] =
      await Promise.all([
        import('../../continual/index.js'),
        import('../../model/index.js'),
        import('../../files/index.js'),
        import('../output/continual.js'),
      ]);
    const { out, teacher } = options;
    return {
      schema: continualRecipe,
      flags: { methods: options.methods, seeds: options.seeds, orders: options.orders },
      again: ['--student', options.student, ...(teacher === undefined ? [] : ['--teacher', teacher])],
      sources: { student: options.student, ...(teacher !== undefined && { teacher }) },
      run: async (given, open) => {
        const student = await loadTowerModel(options.student, 'continual', given);
        const answers = teacher === undefined ? undefined : await loadModel(teacher, given);
        const result = await continual({ ...given, student, teacher: answers, dataset: await open() });
        if (result.finished) {
          await writeFileAtomic(
            join(out, 'continual.json'),
            `${JSON.stringify(output.continualJson(result), null, 1)}\n`,
          );
          await writeFileAtomic(join(out, 'report.html'), await output.continualPage(result));
        }
        return result;
      },
      json: output.continualJson,
      closing: (result) => ({
        lines: [output.continualTable(result)],
        saved: `${join(out, 'report.html')}, ${join(out, 'continual.json')}`,
        next: [],
      }),
    };
  });
}
