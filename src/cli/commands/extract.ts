import type { Command } from 'commander';
import type { DistillRecipe, ExtractResult } from '../../distill/index.js';
import { examples, shardOption } from '../options.js';
import { runTraining, type Training } from '../training.js';
import { type DistillOptions, distillTraining, withDistillOptions } from './distill.js';

interface ExtractOptions extends DistillOptions {
  readonly shard?: string;
}

export function addExtract(program: Command): void {
  const command = program
    .command('extract')
    .description('store the teacher targets (outputs) of a distillation, or a share of them');
  withDistillOptions(program, command, run)
    .addOption(shardOption('extract'))
    .addHelpText(
      'after',
      `${examples(
        'extract --teacher my-clip --data folder:photos --out runs/mine',
        'extract --teacher my-clip --data folder:photos --out runs/mine --shard 3/20',
        'jobs run --folder jobs/targets --shards 20 -- extract --teacher my-clip --data folder:photos --out runs/mine --shard {shard}',
      )}
distill with the same options uses them. The store is complete when all shards
are there.
`,
    );
}

async function run(options: ExtractOptions, command: Command): Promise<void> {
  const { parseShard } = await import('../../jobs/index.js');
  const shard = options.shard === undefined ? undefined : parseShard(options.shard);
  await runTraining(options, async (): Promise<Training<DistillRecipe, ExtractResult>> => {
    const [{ extractTargets }, { schema, flags, sources, adapt, allTeachers, templatesOf }, { writeRecipe }] =
      await Promise.all([
        import('../../distill/index.js'),
        distillTraining(options, command, { timesSteps: false }),
        import('../../files/recipe-file.js'),
      ]);
    return {
      ...{ schema, flags, sources, adapt },
      run: async (given, open) => {
        const models = await allTeachers(given.recipe, given);
        const dataset = await open();
        const teacherTemplates = templatesOf(given.recipe);
        // `distill` goes on with it.
        const { remarks } = given;
        await writeRecipe(options.out, given.recipe, { remarks, teacher: options.teacher?.[0] });
        return extractTargets({ ...given, targetsDir: options.targets, ...models, teacherTemplates, dataset }, shard);
      },
      json: ({ folder, complete, records, written, unreadable, seconds }) => ({
        ...{ targets: folder, complete, records, written, unreadable, seconds },
      }),
      closing: ({ folder, complete, records, unreadable, seconds }) => ({
        lines: [
          complete
            ? `${records.toLocaleString('en-GB')} records of teacher targets`
            : `shard ${options.shard} is there in ${Math.round(seconds)} s; others are missing`,
          ...(unreadable === 0 ? [] : [`${unreadable} images could not be read`]),
        ],
        saved: folder,
        next: complete ? [`distill --teacher ${options.teacher?.[0] ?? 'TEACHER'} --out ${options.out}`] : [],
      }),
    };
  });
}
