import { join } from 'node:path';
import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  examples,
  printResult,
  type RecipeOptions,
  threadsOption,
  withCommonOptions,
  withRecipeOptions,
} from '../options.js';
import { shipped } from '../shipped.js';

interface DemoOptions extends CommonOptions, RecipeOptions {
  readonly teacher: string;
  readonly data?: string;
  readonly out: string;
  readonly device: Device;
  readonly threads?: number;
}

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('the main job: distil the shipped teacher twice, measure all three models, export, draw the report');
  withRecipeOptions(withCommonOptions(command))
    .option('--teacher <folder>', 'checkpoint folder of the teacher', shipped('models/emoji-teacher'))
    .addOption(dataOption())
    .option('--out <folder>', 'run folder; a run that was stopped goes on from it', 'runs/demo')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples('demo', 'demo --seed 2 --out runs/demo-2', 'demo --set phases.joint.steps=3000 --json'),
    )
    .action(run);
}

async function run(options: DemoOptions): Promise<void> {
  const [
    { demo },
    { distillRecipe },
    { openDataset },
    { summaryTable },
    { loadRecipe, writeRecipe },
    { createProgress },
    { resumable },
  ] = await Promise.all([
    import('../../demo/index.js'),
    import('../../distill/index.js'),
    import('../../data/index.js'),
    import('../../report/index.js'),
    import('../../files/recipe-file.js'),
    import('../progress.js'),
    import('../interrupt.js'),
  ]);
  const { out, teacher, device, threads } = options;
  const recipe = await loadRecipe(distillRecipe, {
    file: options.recipe ?? shipped('recipes/distill-emoji.yaml'),
    set: options.set,
    flags: { 'data.dataset': options.data, seed: options.seed },
  });
  const dataset = await openDataset(recipe.data.dataset);
  const recipeText = await writeRecipe(out, recipe, { teacher });
  const progress = createProgress(options);
  try {
    const result = await resumable(out, (signal) =>
      demo({
        teacher,
        dataset,
        recipe,
        recipeText,
        out,
        signal,
        compile: { device, threads },
        onStage: (stage) => progress.log(stage),
        onTargets: (step, steps) => progress.update({ phase: 'teacher targets', step, steps }),
        onStep: (student, { phase, step, steps, losses, imagesPerSecond }) =>
          progress.update({ phase: `${student} · ${phase}`, step, steps, losses, imagesPerSecond }),
      }),
    );
    await writeRecipe(out, recipe, { replace: true, teacher });
    progress.stop();
    printResult(options, { ...result.metrics, student: result.student, report: result.report }, () =>
      [
        summaryTable(result.models, result.chance),
        '',
        `report   ${result.report}`,
        `student  ${result.student} (checkpoint, ONNX encoders, model card)`,
        `metrics  ${join(out, 'metrics.json')}`,
      ].join('\n'),
    );
  } finally {
    progress.stop();
  }
}
