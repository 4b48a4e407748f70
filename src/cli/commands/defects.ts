import { type Command, Option } from 'commander';
import type { FitDefectsOptions } from '../../tasks/index.js';
import {
  type CommonOptions,
  deviceOption,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  withCommonOptions,
  withRecipeOptions,
} from '../options.js';
import { logOption, type RecipeRunOptions, runTraining } from '../training.js';

const dataOption = () =>
  new Option(
    '--data <data>',
    'surfaces (built in), surfaces-other, mvtec:DIR, visa:DIR, meta:DIR (meta.json), or anomalib:DIR?normal=good&abnormal=bad&mask=masks',
  );
const productOption = () => new Option('--product <name>', 'product in the data');

export function addDefects(program: Command): void {
  const group = program
    .command('defects')
    .description('surface inspection: fit a detector to images without defects, run it, measure it, export it')
    .addHelpText(
      'after',
      examples(
        'defects fit promptkd:emoji-student --data surfaces --product metal --out runs/metal',
        'defects evaluate runs/metal --data surfaces --product metal',
        'defects export runs/metal --data surfaces --product metal --out metal-detector',
        'defects run runs/metal incoming --watch --out inspected',
      ),
    );
  addFit(group);
  withEngine(withCommonOptions(group.command('evaluate').description('measure a detector on test images with masks')))
    .argument('<detector>', 'folder of a detector, or of its run')
    .addOption(dataOption().default('surfaces'))
    .addOption(productOption())
    .addHelpText('after', examples('defects evaluate runs/metal --data surfaces --product metal --json'))
    .action(evaluate);
  withEngine(
    withCommonOptions(
      group
        .command('export')
        .description('write a detector as one ONNX file that takes a decoded image and decides; check it on images'),
    ),
  )
    .argument('<detector>', 'folder of a detector, or of its run')
    .requiredOption('--out <folder>', 'folder to write')
    .addOption(dataOption().default('surfaces'))
    .addOption(productOption())
    .option('--check <n>', 'test images to compare the file and the detector on', positiveInteger, 8)
    .addHelpText('after', examples('defects export runs/metal --product metal --out metal-detector'))
    .action(exportTo);
  withEngine(withCommonOptions(group.command('run').description('inspect image files, or watch a folder for new ones')))
    .argument('<detector>', 'folder of a detector, or of its run')
    .argument('<images...>', 'image files; with --watch, one folder')
    .option('--watch', 'watch the folder for new images until Ctrl-C')
    .option('--out <folder>', 'write heat maps and results.jsonl to this folder')
    .addHelpText(
      'after',
      examples('defects run runs/metal part.png', 'defects run runs/metal incoming --watch --out inspected'),
    )
    .action(inspect);
}

const withEngine = (command: Command) => command.addOption(deviceOption()).addOption(threadsOption());

interface FitOptions extends RecipeRunOptions {
  readonly product?: string;
  readonly mode?: string;
  readonly dtype?: string;
  readonly shots?: number;
  readonly falseAlarms?: string;
  readonly others?: string;
  readonly teacher?: string;
  readonly prompts?: string;
}

function addFit(group: Command): void {
  const command = group
    .command('fit')
    .description('fit a detector to sound images (images without defects) of one product');
  withEngine(withRecipeOptions(withCommonOptions(command)))
    .argument('<model>', 'a model with its weights: a checkpoint, a run, a quantised model or a hub id')
    .requiredOption('--out <folder>', 'run folder; a stopped run continues from it')
    .addOption(dataOption())
    .addOption(productOption())
    .addOption(
      new Option(
        '--mode <mode>',
        'few-shot: compare with remembered sound images; zero-shot: compare with words; tuned: with prompts learned on other products',
      ).choices(['few-shot', 'zero-shot', 'tuned']),
    )
    .addOption(
      new Option('--dtype <name>', 'how the exported file stores matrices: 32, 8 or 4 bits').choices([
        'fp32',
        'q8',
        'q4',
      ]),
    )
    .option(
      '--shots <k>',
      'few-shot: number of sound images to remember; the others set the threshold',
      positiveInteger,
    )
    .option('--false-alarms <n>', 'false alarms to allow per 1,000 sound images')
    .option('--others <data>', 'tuned: other products to learn prompts from, sound and defective')
    .option('--teacher <detector>', 'tuned: learn from the maps of this tuned detector instead of masks')
    .option('--prompts <detector>', 'tuned: reuse the prompts of this detector, without training')
    .addOption(logOption())
    .addHelpText(
      'after',
      examples(
        'defects fit promptkd:emoji-student --product metal --shots 8 --out runs/metal',
        'defects fit promptkd:emoji-teacher --mode tuned --others surfaces-other --product metal --out runs/teacher',
        'defects fit promptkd:emoji-student --mode tuned --teacher runs/teacher --product metal --out runs/student',
      ),
    )
    .action(fit);
}

async function fit(folder: string, options: FitOptions): Promise<void> {
  await runTraining(options, async () => {
    const [{ defectsRecipe, fitDefects, loadDetector, openDefectData }, { loadTowerModel }] = await Promise.all([
      import('../../tasks/index.js'),
      import('../../model/index.js'),
    ]);
    const named = { teacher: options.teacher, prompts: options.prompts };
    return {
      schema: defectsRecipe,
      flags: {
        'data.product': options.product,
        mode: options.mode,
        dtype: options.dtype,
        shots: options.shots,
        false_alarms: options.falseAlarms === undefined ? undefined : Number(options.falseAlarms),
        'tuning.dataset': options.others,
      },
      sources: { model: folder, ...Object.fromEntries(Object.entries(named).filter(([, one]) => one !== undefined)) },
      again: [
        ...['fit', folder],
        ...Object.entries(named).flatMap(([name, one]) => (one === undefined ? [] : [`--${name}`, one])),
      ],
      run: async (given) => {
        const { recipe } = given;
        const model = await loadTowerModel(folder, 'defects fit', given);
        const [dataset, teacher, prompts] = await Promise.all([
          openDefectData(recipe.data.dataset),
          options.teacher === undefined ? undefined : loadDetector(options.teacher),
          options.prompts === undefined ? undefined : loadDetector(options.prompts),
        ]);
        const trains = recipe.mode === 'tuned' && !prompts;
        const others = trains ? await openDefectData(recipe.tuning.dataset) : undefined;
        return fitDefects({ ...given, model, dataset, others, teacher, prompts } satisfies FitDefectsOptions);
      },
      json: ({ folder: detector, steps, seconds, skipped, detector: made }, { mode }) => ({
        ...{ detector, mode, product: made!.product, steps, train_seconds: seconds, limits: made!.limits, skipped },
      }),
      closing: ({ folder: detector, detector: made, skipped }, recipe) => {
        const { falseAlarms, sound } = made!.limits.image;
        const { wanted, expected, low, high } = falseAlarms;
        const product = recipe.data.product === undefined ? '' : ` --product "${recipe.data.product}"`;
        return {
          lines: [
            `threshold set on ${sound.length} sound images: expect ${expected.toFixed(0)} false alarms per 1,000 (95 % interval ${low.toFixed(0)} to ${high.toFixed(0)})`,
            ...(expected > wanted * 1.05
              ? [
                  `you allowed ${wanted}: that takes at least ${Math.ceil(1000 / wanted) - 1} sound images for the threshold`,
                ]
              : []),
            ...(skipped.length > 0 ? [`${skipped.length} images were left out, the first: ${skipped[0]!.reason}`] : []),
          ],
          saved: detector,
          next: [`defects evaluate ${detector} --data ${recipe.data.dataset}${product}`],
        };
      },
    };
  });
}

interface DetectorOptions extends CommonOptions {
  readonly device: 'cpu';
  readonly threads?: number;
  readonly data: string;
  readonly product?: string;
}

async function evaluate(folder: string, options: DetectorOptions): Promise<void> {
  const [
    { evaluateDefects, loadDetector, openDefectData, productOf },
    { defectsTable, evaluationJson },
    { createProgress },
  ] = await Promise.all([
    import('../../tasks/index.js'),
    import('../output/defects.js'),
    import('../terminal/progress.js'),
  ]);
  const progress = createProgress(options);
  try {
    const detector = await loadDetector(folder);
    const dataset = await openDefectData(options.data);
    const product = productOf(dataset, options.product ?? knownProduct(dataset, detector.product));
    const found = await evaluateDefects(detector, {
      ...{ dataset, product, device: options.device, threads: options.threads },
      onProgress: (phase, step, steps) => progress.update({ phase, step, steps }),
    });
    progress.stop();
    printResult(options, evaluationJson(folder, product.name, detector, found), () => defectsTable(detector, found));
  } finally {
    progress.stop();
  }
}

/** The detector's own product, where the data has it and none is named. */
const knownProduct = ({ products }: { readonly products: readonly { readonly name: string }[] }, own: string) =>
  products.some(({ name }) => name === own) ? own : undefined;

interface ExportOptions extends DetectorOptions {
  readonly out: string;
  readonly check: number;
}

async function exportTo(folder: string, options: ExportOptions): Promise<void> {
  const { exportDetector, loadDetector, openDefectData, productOf } = await import('../../tasks/index.js');
  const detector = await loadDetector(folder);
  const dataset = await openDefectData(options.data);
  const { test } = productOf(dataset, options.product ?? knownProduct(dataset, detector.product));
  // From all over the test: sound images stand first, or last.
  const every = Math.max(1, Math.floor(test.length / options.check));
  const chosen = test.filter((_, i) => i % every === 0).slice(0, options.check);
  const probes = await Promise.all(
    chosen.map(async (image) => ({ label: image.id, image: await dataset.load(image) })),
  );
  const { out, device, threads } = options;
  const check = await exportDetector({ detector, out, probes, device, threads });
  printResult(options, { out, product: detector.product, checked: check }, () =>
    [
      `${out}: one ONNX file, from the decoded image to the decision`,
      `${check.images} images through both: scores differ by at most ${check.score.toExponential(1)}, pixels by ${check.map.toExponential(1)}`,
    ].join('\n'),
  );
}

interface RunOptions extends CommonOptions {
  readonly device: 'cpu';
  readonly threads?: number;
  readonly watch?: boolean;
  readonly out?: string;
}

async function inspect(folder: string, images: readonly string[], options: RunOptions): Promise<void> {
  const [{ inspectFile, loadDetector, openInspector, watchFolder }, { outcomeWriter }, { UserError }] =
    await Promise.all([import('../../tasks/index.js'), import('../output/defects.js'), import('../../errors.js')]);
  const { device, threads, watch, out } = options;
  if (watch && images.length > 1) throw new UserError(`--watch: expected one folder, got ${images.length} paths`);
  const inspector = openInspector(await loadDetector(folder), { device, threads });
  const take = await outcomeWriter(options, out);
  try {
    if (!watch) {
      for (const file of images) await take(await inspectFile(inspector, file));
      return;
    }
    const { interruptSignal } = await import('../terminal/interrupt.js');
    const signal = interruptSignal();
    const onMessage = (message: string) => process.stderr.write(`${message}\n`);
    await watchFolder(inspector, images[0]!, { signal, onMessage }, take);
  } finally {
    await inspector.dispose();
  }
}
