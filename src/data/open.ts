import { UserError } from '../errors.js';
import { readNames } from '../files/index.js';
import { assemble, type Collection, type CommonDataOptions } from './assemble.js';
import { type ImageKind, type ImageTextDataset, imageKinds } from './dataset.js';
import { parseDataSpec } from './spec.js';
import { splitName } from './splits/split-names.js';

/** Reads data of a kind that lies at a path. */
type Opener = (path: string, options: Readonly<Record<string, string>>) => Promise<Collection>;

// Each is loaded when it is opened: a server that decodes images needs none of them.
const builtIn: Readonly<Record<string, () => Promise<ImageTextDataset>>> = {
  emoji: async () => (await import('./built-in/emoji/index.js')).openEmoji(),
  'emoji-wide': async () => (await import('./built-in/emoji/index.js')).openWideEmoji(),
  'emoji-all': async () => (await import('./built-in/emoji-pairs/together.js')).openEmojiAll(),
  'emoji-pairs-scenes': async () => (await import('./built-in/emoji-pairs/together.js')).openPairsAndScenes(),
  'emoji-pairs': async () => (await import('./built-in/emoji-pairs/index.js')).openEmojiPairs(),
  'emoji-scenes': async () => (await import('./built-in/emoji-scenes/index.js')).openEmojiScenes(),
  surfaces: async () => (await import('./built-in/surfaces/index.js')).openSurfaces('surfaces'),
  'surfaces-other': async () => (await import('./built-in/surfaces/index.js')).openSurfaces('surfaces-other'),
  phantoms: async () => (await import('./built-in/phantoms/index.js')).openPhantoms().dataset,
};

const table =
  (kind: 'csv' | 'tsv' | 'jsonl'): Opener =>
  async (...given) =>
    (await import('./formats/tables/table.js')).openTable(kind, ...given);

const openers: Readonly<Record<string, Opener>> = {
  folder: async (path) => (await import('./formats/folders/folder.js')).openFolder(path),
  csv: table('csv'),
  tsv: table('tsv'),
  jsonl: table('jsonl'),
  coco: async (...given) => (await import('./formats/coco/coco.js')).openCoco(...given),
  flickr: async (...given) => (await import('./formats/flickr.js')).openFlickr(...given),
  coop: async (...given) => (await import('./formats/coop.js')).openCoop(...given),
  wds: async (path) => (await import('./formats/shards/webdataset.js')).openWebDataset(path),
  parquet: async (...given) => (await import('./formats/tables/parquet.js')).openParquet(...given),
};

/**
 * Opens a data set by its description: `emoji`, or a kind with a path and options, as `folder:photos?novel=half`.
 * `dataKinds` lists the kinds.
 *
 * @throws UserError for anything else, with the nearest, or data of which nothing can be used
 * @example
 * const dataset = await openDataset('csv:captions.csv?image=file&text=caption');
 * const image = await dataset.load(dataset.splits.train![0]!);
 */
export async function openDataset(spec: string): Promise<ImageTextDataset> {
  const { kind, path, options } = parseDataSpec(spec);
  const open = builtIn[kind];
  if (open) return drawnOtherwise(spec, await open(), options.drawn);
  const common = await commonDataOptions(spec, options);
  return assemble(spec, await openers[kind]!(path, options), common);
}

async function drawnOtherwise(spec: string, dataset: ImageTextDataset, drawn?: string): Promise<ImageTextDataset> {
  if (drawn === undefined) return dataset;
  const { drawnAs, withOutlines } = await import('./built-in/emoji/index.js');
  const known = drawnAs.find((way) => way === drawn);
  if (known) return withOutlines(dataset, known);
  throw new UserError(`--data ${spec}: drawn: expected ${drawnAs.join(' or ')}, got ${drawn}`);
}

async function commonDataOptions(
  spec: string,
  { classes, into, novel, kind }: Readonly<Record<string, string>>,
): Promise<CommonDataOptions> {
  if (novel !== undefined && novel !== 'half')
    throw new UserError(`--data ${spec}: novel: expected half, got ${novel}`);
  if (kind !== undefined && !isKind(kind))
    throw new UserError(`--data ${spec}: kind: expected ${imageKinds.join(' or ')}, got ${kind}`);
  return {
    ...(classes !== undefined && { classes: await readNames(classes, `--data ${spec}: classes`) }),
    ...(into !== undefined && { into: splitName(into) }),
    ...(novel !== undefined && { novel }),
    ...(kind !== undefined && { kind }),
  };
}

const isKind = (kind: string): kind is ImageKind => (imageKinds as readonly string[]).includes(kind);
