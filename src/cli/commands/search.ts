import type { Command } from 'commander';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  deviceOption,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  withCommonOptions,
} from '../options.js';

interface SearchOptions extends CommonOptions {
  readonly image?: string;
  readonly model?: string;
  readonly top: number;
  readonly device: Device;
  readonly threads?: number;
}

export function addSearch(program: Command): void {
  const command = program
    .command('search')
    .description('find images by text or by image, in a folder that embed filled or in a folder of photos');
  withCommonOptions(command)
    .argument('<where>', 'folder that embed filled; with --model, a folder of photos, or data as for --data')
    .argument('[text]', 'text to search for')
    .option('--image <file>', 'image to search for')
    .option('--model <model>', 'model that embeds (default: the one that embed used)')
    .option('--top <n>', 'number of results', positiveInteger, 10)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      `${examples(
        'search embedded "a red car"',
        'search photos "a red car" --model my-clip',
        'search embedded --image car.jpg --top 3 --json',
      )}
Images that are not embedded yet are embedded into the cache first; the next
search embeds only new ones.
`,
    )
    .action(run);
}

async function run(where: string, text: string | undefined, options: SearchOptions): Promise<void> {
  const [{ UserError }, embed, { loadModel }, { createProgress, showLoading }, { embeddedFolder }] = await Promise.all([
    import('../../errors.js'),
    import('../../embed/index.js'),
    import('../../model/index.js'),
    import('../terminal/progress.js'),
    import('../embedded-folder.js'),
  ]);
  if ((text === undefined) === (options.image === undefined)) {
    throw new UserError('expected a text or --image, one of them: promptkd search photos "a red car"');
  }
  const { device, threads } = options;
  const progress = createProgress(options);
  try {
    const manifest = await embed.readEmbedManifest(where);
    const name = options.model ?? manifest?.model;
    if (name === undefined) {
      throw new UserError(`${where}: is not embedded yet: give --model to do so, or the folder that embed filled`);
    }
    const model = await loadModel(name, { ...showLoading(progress), device, threads });
    const folder = manifest ? where : await embeddedFolder(where, name, model, { device, threads }, progress);
    const index = await embed.SearchIndex.open(folder);
    if (index.manifest.probe) {
      const probe = await embed.textQuery(model, [embed.probeText], { device, threads });
      embed.checkProbe(folder, index.manifest, probe, name);
    }
    const query =
      text === undefined
        ? await embed.imageQuery(model, options.image!, { device, threads })
        : await embed.textQuery(model, [text], { device, threads });
    const began = performance.now();
    const [hits] = await index.nearest(query, options.top);
    const milliseconds = performance.now() - began;
    progress.stop();
    const count = index.count.toLocaleString('en-GB');
    printResult(options, { images: index.count, milliseconds, hits }, () =>
      [
        ...hits!.map(({ score, image_path, caption }) => `${score.toFixed(3)}  ${image_path}  ${caption}`.trimEnd()),
        `${count} images searched in ${milliseconds.toFixed(1)} ms`,
      ].join('\n'),
    );
  } finally {
    progress.stop();
  }
}
