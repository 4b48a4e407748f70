import { type Command, Option } from 'commander';
import { type Dtype, dtypes } from '../../clip/index.js';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

interface WebCommandOptions extends CommonOptions {
  readonly out: string;
  readonly classes?: string;
  readonly templates?: readonly string[];
  readonly name?: string;
  readonly dtype: Dtype | 'auto';
}

export function addWeb(program: Command): void {
  const command = program
    .command('web')
    .description('write a page that runs an exported model in the browser: no server logic, nothing from elsewhere');
  withCommonOptions(command)
    .argument(
      '<model>',
      'folder that promptkd export or promptkd quantize wrote, or the folder of a finished run with one',
    )
    .requiredOption('--out <folder>', 'folder that is written')
    .option(
      '--classes <names>',
      'class names that the page begins with: commas between them, or a file with one a line',
    )
    .option(
      '--templates <text...>',
      'texts of a class, {} or [OBJ] standing for its name (default: those of the export)',
    )
    .option('--name <title>', 'title of the page (default: the name of the folder)')
    .addOption(
      new Option(
        '--dtype <name>',
        'variant of the ONNX files; auto: the smallest whose embeddings keep a cosine of 0.99',
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
Serve the folder by anything that hands out files, over https:// or on localhost:
  $ npx http-server page        or        $ python3 -m http.server -d page
After its first load the page works offline: its service worker keeps the files. It also adds the headers that WASM
threads need, so that the page loads itself once more on its first visit; where your server sends them, it does not:
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
`,
    )
    .action(run);
}

async function run(folder: string, options: WebCommandOptions): Promise<void> {
  const [{ basename, resolve }, { readNames }, { writePage }, { readRun }] = await Promise.all([
    import('node:path'),
    import('../../files/index.js'),
    import('../../web/index.js'),
    import('../run-files.js'),
  ]);
  const { model } = await readRun(folder);
  const { out, templates, name = basename(resolve(folder)) } = options;
  const result = await writePage({
    model,
    out,
    title: name,
    templates,
    classes: options.classes === undefined ? undefined : await readNames(options.classes),
    dtype: options.dtype === 'auto' ? undefined : options.dtype,
  });
  const { files, bytes, vision, text, fixedClasses } = result;
  const megabytes = (n: number) => `${(n / 1e6).toFixed(1)} MB`;
  const line = (what: string, { path, bytes: size, cosine }: typeof vision) =>
    `  ${what.padEnd(8)} ${path}, ${megabytes(size)}, cosine to float32 ${cosine.toFixed(4)}`;
  printResult(options, { out, ...result }, () =>
    [
      `${out}: a page of ${files.length} files, ${megabytes(bytes)}; a browser fetches the runtime that it uses`,
      line('pictures', vision),
      line('texts', text),
      `  ${'classes'.padEnd(8)} ${fixedClasses > 0 ? `${fixedClasses} of the model's own, or typed` : 'typed in the page'}`,
      `serve it over https:// or on localhost: python3 -m http.server -d ${out}`,
    ].join('\n'),
  );
}
