import type { Command } from 'commander';
import type { Bank } from '../../bank/index.js';
import type { ExportResult } from '../../compress/index.js';
import { UserError } from '../../errors.js';
import { type CommonOptions, examples, printResult, promptsOption, withCommonOptions } from '../options.js';

interface ExportCommandOptions extends CommonOptions {
  readonly out: string;
  readonly classes?: string;
  readonly templates?: readonly string[];
  readonly prompts?: string;
  readonly fold: boolean;
  readonly adaptor?: string;
  readonly teacher?: string;
  readonly name?: string;
  readonly licence?: string;
}

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .description('write a model as one folder that Transformers.js, ONNX Runtime and PyTorch load, prompts inside');
  withCommonOptions(command)
    .argument('<model>', 'checkpoint folder or Hugging Face id, the folder of a finished run, or a prompt memory bank')
    .requiredOption('--out <folder>', 'folder that is written')
    .option(
      '--classes <names>',
      'class names, comma-separated, or a file with one per line; their text features are written too',
    )
    .option(
      '--templates <text...>',
      'texts of a class, {} or [OBJ] standing for its name (default: those that it was trained with, or "a photo of [OBJ]")',
    )
    .addOption(promptsOption())
    .option('--no-fold', 'keep vision prompts as tokens instead of folding them into constant keys and values')
    .option(
      '--adaptor <teacher>',
      'of a student of several teachers: in the joint space of this one (its number or name), with its text tower; --teacher names its checkpoint',
    )
    .option('--teacher <folder>', 'the checkpoint of that teacher')
    .option('--name <title>', 'title of the model card (default: the name of the folder)')
    .option('--licence <id>', 'licence for the model card, as cc-by-sa-4.0; without it, that of the model’s own card')
    .addHelpText(
      'after',
      examples(
        'export runs/demo --out exported',
        'export runs/student --out exported --classes "cat, house, tree" --templates "a sketch of {}"',
        'export runs/student --out exported --classes classes.txt --prompts prompts.json',
        'export runs/both --out exported --adaptor 2 --teacher my-clip',
        'export my-clip --out exported --classes classes.txt --json',
      ),
    )
    .action(run);
}

async function run(idOrFolder: string, options: ExportCommandOptions): Promise<void> {
  const [{ exportModel }, { loadTowerModel, withTowers }, { readPromptSet }, { readRun }, { readNames }, progress] =
    await Promise.all([
      import('../../compress/index.js'),
      import('../../model/index.js'),
      import('../../prompt/index.js'),
      import('../run-files.js'),
      import('../../files/index.js'),
      import('../terminal/progress.js'),
    ]);
  const { out, fold, name, licence, adaptor, teacher } = options;
  const bank = await routedBank(idOrFolder);
  if (bank) {
    const { templates, weights } =
      options.prompts === undefined ? { templates: options.templates } : await readPromptSet(options.prompts);
    const names = options.classes === undefined ? undefined : await readNames(options.classes);
    const { exportBank } = await import('../../compress/index.js');
    const made = await exportBank({ bank, out, classes: names, templates, weights, name });
    const { tasks } = bank;
    return printExport(
      options,
      made,
      `${out}: a Transformers.js model that routes images between ${tasks.length} tasks`,
    );
  }
  if ((adaptor === undefined) !== (teacher === undefined)) {
    throw new UserError(
      '--adaptor, --teacher: each needs the other: the teacher by its number or name, and its checkpoint',
    );
  }
  const download = progress.createProgress(options);
  const loading = progress.showLoading(download);
  const readModels = async () => {
    // A bank whose tasks share weights, and have no prompts of their own, is one model.
    const student = (await isBankFolder(idOrFolder))
      ? withTowers(await (await import('../../bank/index.js')).loadModelOrBank(idOrFolder), 'export')
      : await loadTowerModel(idOrFolder, 'export', loading);
    if (adaptor === undefined || teacher === undefined) return { student, model: student };
    const { withAdaptor } = await import('../../distill/index.js');
    const checkpoint = await loadTowerModel(teacher, 'export --adaptor', loading);
    return { student, model: withAdaptor(student, adaptor, checkpoint) };
  };
  const { student, model } = await readModels().finally(() => download.stop());
  const { recipe, data, metrics } = await readRun(student.source!.folder);
  const given = options.prompts === undefined ? undefined : await readPromptSet(options.prompts);
  const { templates, weights } = given ?? { templates: options.templates };
  const classes = options.classes === undefined ? undefined : await readNames(options.classes);
  const made = await exportModel({
    model,
    out,
    classes,
    templates,
    weights,
    fold,
    card: { ...(name ? { name } : {}), licence, recipe, data, metrics },
  });
  printExport(options, made, `${out}: a Hugging Face checkpoint and a Transformers.js model`);
}

const isBankFolder = async (folder: string) => (await import('../../bank/index.js')).isBank(folder);

/** The bank in a folder, where its images are routed; of any other folder undefined. */
async function routedBank(folder: string): Promise<Bank | undefined> {
  const { isBank, isRouted, readBank } = await import('../../bank/index.js');
  if (!isBank(folder)) return undefined;
  const bank = await readBank(folder);
  return isRouted(bank) ? bank : undefined;
}

function printExport(options: ExportCommandOptions, made: ExportResult, title: string): void {
  const { out } = options;
  const { files, maxDifference, differences } = made;
  printResult(options, { out, files, max_difference: maxDifference, differences }, () =>
    [
      title,
      ...files.map((file) => {
        const difference = differences[file];
        return difference === undefined
          ? `  ${file}`
          : `  ${file.padEnd(28)} differs by ${difference.toExponential(1)}`;
      }),
      `run in ONNX Runtime, the float32 files differ from the engine by at most ${maxDifference.toExponential(1)}`,
    ].join('\n'),
  );
}
