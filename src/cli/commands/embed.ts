import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { EmbedFormat } from '../../embed/index.js';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  dataOption,
  deviceOption,
  examples,
  positiveInteger,
  printResult,
  shardOption,
  threadsOption,
  withCommonOptions,
} from '../options.js';

interface EmbedOptions extends CommonOptions {
  readonly data: string;
  readonly out: string;
  readonly split?: string;
  readonly format?: EmbedFormat;
  readonly dtype?: 'f16' | 'f32';
  readonly texts?: boolean;
  readonly part?: number;
  readonly shard?: string;
  readonly extend?: boolean;
  readonly overwrite?: boolean;
  readonly device: Device;
  readonly threads?: number;
}

export function addEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('write embeddings of a data set’s images and captions to files, for search and for other programs');
  withCommonOptions(command)
    .argument('<model>', 'folder or Hugging Face id of a CLIP or SigLIP, a student, a run’s folder, or ONNX encoders')
    .addOption(dataOption().makeOptionMandatory())
    .requiredOption('--out <folder>', 'output folder: img_emb/, text_emb/ and metadata/, in clip-retrieval’s layout')
    .option('--split <names>', 'splits, such as train+val (default: all)')
    .addOption(
      new Option('--format <name>', 'npy: matrices beside the metadata; parquet: all in one (default: npy)').choices([
        'npy',
        'parquet',
      ]),
    )
    .addOption(new Option('--dtype <name>', 'numbers of npy (default: f16)').choices(['f16', 'f32']))
    .option('--texts', 'also embed first captions (default: if the model reads texts)')
    .option('--no-texts', 'embed images only')
    .option('--part <n>', 'images per file (default: 4096)', positiveInteger)
    .addOption(shardOption('embed'))
    .option('--extend', 'add another data set to what is there')
    .option('--overwrite', 'replace what is there; by default, images that are there are skipped')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'embed my-clip --data folder:photos --out embedded',
        'embed openai/clip-vit-base-patch32 --data coco:coco2014 --split val --out coco-val --format parquet',
        'embed runs/mine --data emoji --out embedded --no-texts --dtype f32',
        'embed my-clip --data folder:photos --out embedded --shard 3/20',
      ),
    )
    .action(run);
}

/** A folder's name is to be found from anywhere. */
const lasting = (name: string) => (existsSync(name.split('#')[0]!) ? resolve(name) : name);

async function run(name: string, options: EmbedOptions): Promise<void> {
  const [{ embedDataset }, { loadModel }, { openDataset }, { createProgress, showLoading }, { interruptSignal }, jobs] =
    await Promise.all([
      import('../../embed/index.js'),
      import('../../model/index.js'),
      import('../../data/index.js'),
      import('../terminal/progress.js'),
      import('../terminal/interrupt.js'),
      import('../../jobs/index.js'),
    ]);
  const { device, threads, data, json: _, quiet: __, ...rest } = options;
  const shard = options.shard === undefined ? undefined : jobs.parseShard(options.shard);
  const progress = createProgress(options);
  try {
    const model = await loadModel(name, { ...showLoading(progress), device, threads });
    const result = await embedDataset(model, await openDataset(data), {
      ...{ ...rest, device, threads, shard, modelName: lasting(name) },
      signal: interruptSignal(),
      onProgress: (step, steps) => progress.update({ phase: 'embedding', step, steps }),
    });
    progress.stop();
    const { embedded, already, changed, unreadable, parts, width, seconds } = result;
    const count = (n: number) => n.toLocaleString('en-GB');
    printResult(
      options,
      {
        ...{ folder: options.out, embedded, already, changed, unreadable: unreadable.length, parts, width, seconds },
        unreadable_images: unreadable.slice(0, 20),
      },
      () =>
        [
          `${count(embedded)} images embedded in ${seconds.toFixed(1)} s, ${width} numbers each; ${count(already)} were there already`,
          ...(unreadable.length === 0 ? [] : [`${count(unreadable.length)} images could not be read, as:`]),
          ...unreadable.slice(0, 5).map(({ id, reason }) => `  ${id}: ${reason}`),
          `saved  ${options.out}`,
          `next   promptkd search ${options.out} "a photo of a dog"`,
        ].join('\n'),
    );
  } finally {
    progress.stop();
  }
}
