import { UserError } from '../errors.js';
import { readNames } from '../files/index.js';
import { assemble, type Collection, type CommonDataOptions } from './assemble.js';
import type { ImageTextDataset } from './dataset.js';
import { openEmoji, openWideEmoji } from './emoji/index.js';
import { openEmojiAll } from './emoji-all.js';
import { openEmojiPairs } from './emoji-pairs/index.js';
import { openEmojiScenes } from './emoji-scenes/index.js';
import { openCoco } from './formats/coco.js';
import { openCoop } from './formats/coop.js';
import { openFlickr } from './formats/flickr.js';
import { openFolder } from './formats/folder.js';
import { openParquet } from './formats/parquet.js';
import { openTable } from './formats/table.js';
import { openWebDataset } from './formats/webdataset.js';
import { parseDataSpec } from './spec.js';
import { splitName } from './split-names.js';

/** Reads data of a kind that lies at a path. */
type Opener = (path: string, options: Readonly<Record<string, string>>) => Promise<Collection>;

const builtIn: Readonly<Record<string, () => Promise<ImageTextDataset>>> = {
  emoji: openEmoji,
  'emoji-wide': openWideEmoji,
  'emoji-all': openEmojiAll,
  'emoji-pairs': openEmojiPairs,
  'emoji-scenes': openEmojiScenes,
};

const openers: Readonly<Record<string, Opener>> = {
  folder: openFolder,
  csv: (path, options) => openTable('csv', path, options),
  tsv: (path, options) => openTable('tsv', path, options),
  jsonl: (path, options) => openTable('jsonl', path, options),
  coco: openCoco,
  flickr: openFlickr,
  coop: openCoop,
  wds: openWebDataset,
  parquet: openParquet,
};

/**
 * Opens a data set by its description: `emoji`, or a kind with a path and options, as `folder:photos?novel=half`.
 * `dataKinds` lists the kinds.
 *
 * @throws UserError for anything else, with the nearest, or data of which nothing can be used
 * @example
 * const dataset = await openDataset('csv:captions.csv?image=file&text=caption');
 * const picture = await dataset.load(dataset.splits.train![0]!);
 */
export async function openDataset(spec: string): Promise<ImageTextDataset> {
  const { kind, path, options } = parseDataSpec(spec);
  const open = builtIn[kind];
  if (open) return open();
  const common = await commonDataOptions(spec, options);
  return assemble(spec, await openers[kind]!(path, options), common);
}

async function commonDataOptions(
  spec: string,
  { classes, into, novel }: Readonly<Record<string, string>>,
): Promise<CommonDataOptions> {
  if (novel !== undefined && novel !== 'half')
    throw new UserError(`--data ${spec}: novel: expected half, got ${novel}`);
  return {
    ...(classes !== undefined && { classes: await readNames(classes, `--data ${spec}: classes`) }),
    ...(into !== undefined && { into: splitName(into) }),
    ...(novel !== undefined && { novel }),
  };
}
