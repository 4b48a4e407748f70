import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  deviceOption,
  type EngineOptions,
  engineFlags,
  examples,
  printResult,
  threadsOption,
  wholeNumber,
  withCommonOptions,
  withEngineOptions,
  withRecipeOptions,
} from '../options.js';
import { type RecipeRunOptions, runTraining } from '../training.js';

const dataHelp =
  'phantoms (built in, synthetic); iu:FILE (R2Gen’s annotation.json), openi:DIR, mimic:DIR, csv:FILE; options: ?images=DIR&findings=chexpert';
const modelHelp = 'checkpoint folder or Hugging Face id of a CLIP model';

interface IndexOptions extends RecipeRunOptions, EngineOptions {
  readonly split?: string;
  readonly teacher?: string;
  readonly teacherIndex?: string;
}

interface UseOptions extends CommonOptions {
  readonly index: string;
  readonly variant?: boolean;
  readonly device: Device;
  readonly threads?: number;
}

interface EvaluateOptions extends UseOptions {
  readonly data: string;
  readonly split: string;
  readonly timed: number;
  readonly seed: number;
}

export function addMedicalReport(program: Command): void {
  const group = program
    .command('medical-report')
    .description('draft reports of radiographs for review by a clinician: research use only, not a medical device')
    .addHelpText('after', '\nNo text of a report is logged. A draft always carries the header DRAFT.\n');
  const index = group
    .command('index')
    .description('train a head for findings on a frozen model, calibrate it, and index the sentences of reports');
  withEngineOptions(withRecipeOptions(withCommonOptions(index)))
    .argument('<model>', `${modelHelp}; it stays as it is`)
    .requiredOption('--out <folder>', 'run folder; a stopped run continues from it')
    .option('--data <data>', dataHelp)
    .option('--split <name>', 'studies to learn from and to quote')
    .option('--teacher <model>', 'larger model whose findings are learned')
    .option('--teacher-index <folder>', 'index that was made with the teacher')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'medical-report index runs/phantom-teacher --out runs/teacher-reports',
        'medical-report index runs/phantom-student --teacher runs/phantom-teacher --teacher-index runs/teacher-reports --out runs/reports',
        'medical-report index my-clip --data iu:iu_xray/annotation.json --out runs/iu',
      ),
    )
    .action(makeReportIndex);
  withUse(group.command('draft').description('draft the report of one study from its image files (DICOM, PNG, JPEG)'))
    .argument('<images...>', 'image files of the study')
    .option('--out <file>', 'write the draft to this file: JSON if it ends in .json, otherwise text')
    .addHelpText(
      'after',
      examples('medical-report draft runs/phantom-student chest.dcm --index runs/reports --out draft.json'),
    )
    .action(draft);
  withUse(
    group
      .command('evaluate')
      .description('measure drafts and findings, next to two baselines: a constant normal report and a random report'),
  )
    .option('--data <data>', dataHelp, 'phantoms')
    .option('--split <name>', 'studies to draft reports for', 'test')
    .option('--timed <n>', 'studies to time on one thread; 0: none', wholeNumber, 50)
    .option('--seed <n>', 'seed of the random reports', wholeNumber, 0)
    .addHelpText('after', examples('medical-report evaluate runs/phantom-student --index runs/reports'))
    .action(evaluate);
  withUse(
    group
      .command('export')
      .description('write ONNX files: vision tower with head, and the head alone; sentences are not exported'),
  )
    .requiredOption('--out <folder>', 'folder to write')
    .addHelpText(
      'after',
      examples('medical-report export runs/phantom-student --index runs/reports --out exported-reports'),
    )
    .action(exportAll);
}

/** What all take that use an index. */
function withUse(command: Command): Command {
  return withCommonOptions(command)
    .argument('<model>', 'the model that the index was made with')
    .requiredOption('--index <folder>', 'folder of the index, or of the run that made it')
    .option('--variant', 'accept another form of that model, such as a quantised one')
    .addOption(deviceOption())
    .addOption(threadsOption());
}

async function makeReportIndex(folder: string, options: IndexOptions): Promise<void> {
  const { UserError } = await import('../../errors.js');
  const { teacher, teacherIndex } = options;
  if ((teacher === undefined) !== (teacherIndex === undefined)) {
    throw new UserError(
      '--teacher and --teacher-index: expected both, a teacher and the index that was made with it, or neither',
    );
  }
  await runTraining(options, async () => {
    const [{ loadReportIndex, makeReportIndex: make, openStudies, reportIndexRecipe }, { loadTowerModel }] =
      await Promise.all([import('../../tasks/index.js'), import('../../model/index.js')]);
    return {
      schema: reportIndexRecipe,
      flags: { 'data.split': options.split, ...engineFlags(options) },
      sources: { model: folder, ...(teacher !== undefined && { teacher }) },
      again: [
        'index',
        folder,
        ...(teacher === undefined ? [] : ['--teacher', teacher, '--teacher-index', teacherIndex!]),
      ],
      run: async (given) => {
        const model = await loadTowerModel(folder, 'medical-report', given);
        const taught =
          teacher === undefined
            ? undefined
            : { model: await loadTowerModel(teacher, '--teacher', given), index: await loadReportIndex(teacherIndex!) };
        const studies = await openStudies(given.recipe.data.dataset);
        return make({ ...given, model, studies, teacher: taught });
      },
      json: ({ folder: index, studies, images, sentences, scrubbed, parameters, unjudged, seconds }) => ({
        ...{ index, studies, images, sentences, scrubbed, parameters, unjudged, train_seconds: seconds },
      }),
      closing: ({ folder: index, studies, sentences, scrubbed, parameters, unjudged, seconds }, { data }) => ({
        lines: [
          `learned from ${studies} studies in ${Math.round(seconds)} s; a head of ${parameters.toLocaleString('en-GB')} parameters`,
          `${sentences} sentences to quote; ${scrubbed} left out because they name earlier images, people or dates`,
          ...(unjudged.length > 0 ? [`too few held-out studies: drafts say nothing about ${unjudged.join(', ')}`] : []),
        ],
        saved: index,
        next: [
          `medical-report evaluate ${folder} --index ${options.out} --data ${data.dataset}`,
          `medical-report draft ${folder} IMAGE --index ${options.out}`,
        ],
      }),
    };
  });
}

async function opened(folder: string, { index, variant }: UseOptions) {
  const [{ indexForVariant, loadReportIndex }, { loadTowerModel }] = await Promise.all([
    import('../../tasks/index.js'),
    import('../../model/index.js'),
  ]);
  const model = await loadTowerModel(folder, 'medical-report');
  const read = await loadReportIndex(index);
  return { model, index: variant ? indexForVariant(read, model) : read };
}

async function draft(
  folder: string,
  images: readonly string[],
  options: UseOptions & { readonly out?: string },
): Promise<void> {
  const [{ Drafter, draftText, readRadiograph, writeDraft }, { basename }] = await Promise.all([
    import('../../tasks/index.js'),
    import('node:path'),
  ]);
  const { model, index } = await opened(folder, options);
  const names = images.map((file) => basename(file));
  const decoded = await Promise.all(images.map((file) => readRadiograph(file, file)));
  const drafter = await Drafter.open(model, index, { device: options.device, threads: options.threads });
  try {
    const made = await drafter.draft(decoded, names);
    if (options.out) await writeDraft(options.out, made);
    printResult(options, made, () => (options.out ? `${made.header}\nwritten to ${options.out}` : draftText(made)));
  } finally {
    await drafter.dispose();
  }
}

async function evaluate(folder: string, options: EvaluateOptions): Promise<void> {
  const [{ evaluateReports, openStudies }, { createProgress }, { interruptSignal }, output] = await Promise.all([
    import('../../tasks/index.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
    import('../output/medical-report.js'),
  ]);
  const progress = createProgress(options);
  try {
    const signal = interruptSignal();
    progress.update({ phase: `opening ${options.data}`, step: 0, steps: 0 });
    const studies = await openStudies(options.data);
    const { model, index } = await opened(folder, options);
    const { split, timed, seed, device, threads } = options;
    const made = await evaluateReports(model, index, studies, {
      ...{ split, timed, seed, device, threads, signal },
      onProgress: (step, steps) => progress.update({ phase: 'drafting', step, steps }),
    });
    progress.stop();
    printResult(options, output.reportsJson(made), () => output.reportsTable(made));
  } finally {
    progress.stop();
  }
}

async function exportAll(folder: string, options: UseOptions & { readonly out: string }): Promise<void> {
  const { exportReports } = await import('../../tasks/index.js');
  const { model, index } = await opened(folder, options);
  const { bytes, difference } = await exportReports(model, index, options.out);
  printResult(options, { out: options.out, bytes, difference }, () =>
    [
      ...Object.entries(bytes).map(([file, size]) => `${options.out}/${file}  ${(size / 1e3).toFixed(0)} kB`),
      `probabilities differ from the engine’s by at most ${difference.toExponential(1)}`,
    ].join('\n'),
  );
}
