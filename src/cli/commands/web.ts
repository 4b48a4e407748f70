import { type Command, Option } from 'commander';
import { type Dtype, dtypes } from '../../clip/checkpoint/onnx-dtypes.js';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

interface WebCommandOptions extends CommonOptions {
  readonly out: string;
  readonly classes?: string;
  readonly templates?: readonly string[];
  readonly data?: string;
  readonly name?: string;
  readonly dtype: Dtype | 'auto';
  readonly vqa?: string;
}

export function addWeb(program: Command): void {
  const command = program
    .command('web')
    .description('write a page that runs an exported model in the browser: no server logic, nothing from elsewhere');
  withCommonOptions(command)
    .argument(
      '<model>',
      'folder that promptkd export or promptkd quantize wrote; a run or a checkpoint without ONNX files is exported for the page',
    )
    .requiredOption('--out <folder>', 'folder that is written')
    .option(
      '--classes <names>',
      'class names that the page starts with: comma-separated, or a file with one per line (default: the model’s own, or those of the data)',
    )
    .option(
      '--data <data>',
      'data set of which the page offers three sample images (default: the data of the run, where the folder is one)',
    )
    .option(
      '--templates <text...>',
      'prompt templates, with {} or [OBJ] in place of the class (default: those of the export)',
    )
    .option('--vqa <folder>', 'folder that promptkd vqa export wrote for this model: the page answers questions, too')
    .option('--name <title>', 'title of the page (default: the title of the model card)')
    .addOption(
      new Option(
        '--dtype <name>',
        'variant of the ONNX files; auto: the smallest whose embeddings have a cosine of at least 0.99 to float32',
      )
        .choices(['auto', ...dtypes])
        .default('auto'),
    )
    .addHelpText(
      'after',
      `${examples(
        'web exported --out page',
        'web small --out page --dtype q4',
        'web runs/demo --out page --name "Emoji student" --classes "cat, house, tree"',
      )}
Serve the folder with any file server, over https:// or on localhost:
  $ npx serve page        or        $ python3 -m http.server -d page
ONNX Runtime is stored compressed. Let the server compress the other files with
gzip or brotli (serve does; http.server does not): tokenizer.json is the
largest. The service worker keeps all files, so the page works offline after
its first load. It also adds the headers that WASM threads need, and for that
reloads the page once on the first visit. A server can send them itself:
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
`,
    )
    .action(run);
}

/** More names than this nobody reads in a field. */
const mostClasses = 100;

const classesSaid = (own: number, ofData: number): string =>
  own > 0
    ? `${own} of the model's own, or typed`
    : ofData > 0
      ? `${ofData} of the data, or typed`
      : 'typed in the page';

async function run(folder: string, options: WebCommandOptions): Promise<void> {
  const [
    { basename, relative, resolve },
    { readNames },
    { sampleImages, writePage },
    { readRun },
    { openDataset },
    { cardTitle },
    { UserError },
    { modelFolder },
    { createProgress, showLoading },
    { withOnnxFiles },
  ] = await Promise.all([
    import('node:path'),
    import('../../files/index.js'),
    import('../../web/index.js'),
    import('../run-files.js'),
    import('../../data/index.js'),
    import('../../compress/index.js'),
    import('../../errors.js'),
    import('../../model/index.js'),
    import('../terminal/progress.js'),
    import('../exported-model.js'),
  ]);
  const { dataset } = await readRun(folder);
  const model = modelFolder(folder) ?? folder;
  const { out, templates, data = dataset } = options;
  const title = options.name ?? (await cardTitle(model)) ?? basename(resolve(folder));
  let unread = 'name a data set with --data';
  let dataClasses: readonly string[] = [];
  const samples =
    data === undefined
      ? undefined
      : await openDataset(data)
          .then((opened) => {
            dataClasses = opened.classes.slice(0, mostClasses).map(({ name }) => name);
            return sampleImages(opened);
          })
          .catch((error: unknown) => {
            // The data of a run may be gone by now; a page needs none.
            if (options.data !== undefined || !(error instanceof UserError)) throw error;
            unread = error.message;
            return undefined;
          });
  const classes = options.classes === undefined ? undefined : await readNames(options.classes);
  const { vqa } = options;
  const dtype = options.dtype === 'auto' ? undefined : options.dtype;
  const progress = createProgress(options);
  const onExport = () => progress.update({ phase: `exporting ${folder}`, step: 0, steps: 0 });
  const result = await withOnnxFiles(folder, { ...showLoading(progress), onExport }, async (exported) => {
    const made = await writePage({ model: exported, out, title, templates, classes, dataClasses, samples, vqa, dtype });
    // An export for the page alone is gone behind it.
    const named = <F extends { readonly path: string }>(file: F): F =>
      exported === model ? file : { ...file, path: relative(exported, file.path) };
    return { ...made, vision: named(made.vision), text: named(made.text) };
  }).finally(() => progress.stop());
  const { files, bytes, vision, text, fixedClasses } = result;
  const megabytes = (n: number) => `${(n / 1e6).toFixed(1)} MB`;
  const line = (what: string, { path, bytes: size, cosine }: typeof vision) =>
    `  ${what.padEnd(8)} ${path}, ${megabytes(size)}, cosine to float32 ${cosine.toFixed(4)}`;
  printResult(options, { out, ...result }, () =>
    [
      `${out}: a page of ${files.length} files, ${megabytes(bytes)}; a browser fetches only the runtime that it uses`,
      line('images', vision),
      line('texts', text),
      `  ${'classes'.padEnd(8)} ${classesSaid(fixedClasses, options.classes === undefined ? dataClasses.length : 0)}`,
      samples ? `  samples  ${samples.length} images of ${data}` : `  samples  none: ${unread}`,
      `open it: npx serve ${out} (or any file server, over https:// or on localhost)`,
    ].join('\n'),
  );
}
