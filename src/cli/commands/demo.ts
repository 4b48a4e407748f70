import { join } from 'node:path';
import type { Command } from 'commander';
import type { DemoMade } from '../../demo/index.js';
import type { RunOutcome } from '../../train/index.js';
import { examples, withCommonOptions, withRecipeOptions } from '../options.js';
import { shipped } from '../shipped.js';
import { type RecipeRunOptions, runTraining, withRunOptions } from '../training.js';

interface DemoOptions extends RecipeRunOptions {
  readonly teacher: string;
  readonly captions?: string;
}

/** Of the built-in recipe, whose classes share their captions; a scene has five of its own. */
const scenes = 'emoji-scenes';

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('the main job: distil the shipped teacher twice, measure all three models, export, draw the report');
  withRunOptions(withRecipeOptions(withCommonOptions(command)), 'runs/demo')
    .option('--teacher <folder>', 'checkpoint folder of the teacher', shipped('models/emoji-pairs-teacher'))
    .option('--captions <data>', `retrieval is measured there (default: ${scenes}; with --recipe or --data: its own)`)
    .addHelpText(
      'after',
      examples(
        'demo',
        'demo --seed 2 --out runs/demo-2',
        'demo --set phases.joint.steps=3000 --json',
        'demo --recipe promptkd:distill-emoji --teacher promptkd:emoji-teacher',
      ),
    )
    .action(run);
}

async function run(options: DemoOptions): Promise<void> {
  await runTraining({ ...options, recipe: options.recipe ?? shipped('recipes/distill-pairs.yaml') }, async () => {
    const [{ demo }, { openDataset }, { distillRecipe }, { summaryTable }] = await Promise.all([
      import('../../demo/index.js'),
      import('../../data/index.js'),
      import('../../distill/index.js'),
      import('../../report/index.js'),
    ]);
    const { out, teacher } = options;
    const own = options.recipe !== undefined || options.data !== undefined;
    const { captions = own ? undefined : scenes } = options;

    return {
      schema: distillRecipe,
      sources: { teacher },
      again: ['--teacher', teacher, ...(captions === undefined ? [] : ['--captions', captions])],
      run: async (given, open): Promise<RunOutcome<DemoMade>> => {
        const captioned = captions === undefined ? undefined : await openDataset(captions);
        return demo({ ...given, teacher, dataset: await open(), captions: captioned });
      },
      json: ({ metrics, folder, report }) => ({ ...metrics, student: folder, report }),
      closing: ({ models, chance, folder, report }) => ({
        lines: [summaryTable(models, chance), '', `report    ${report}`, `metrics   ${join(out, 'metrics.json')}`],
        saved: `${folder} (checkpoint, ONNX encoders, model card)`,
        next: [`serve ${folder}`, `web ${folder} --out page`],
      }),
    };
  });
}
