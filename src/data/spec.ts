import { closest, UserError } from '../errors.js';

/** A kind of data that `--data` understands. */
export interface DataKind {
  readonly kind: string;
  /** How it is written. */
  readonly usage: string;
  readonly about: string;
  /** Options of its own, beside those that every kind with a path takes. */
  readonly options: readonly string[];
}

/** What every kind with a path takes behind it, as in `folder:DIR?into=test&novel=half`. */
export const commonOptions: Readonly<Record<string, string>> = {
  classes: 'class names, comma-separated or a file with one per line: for data without labels, or to order the labels',
  into: 'put all images into this split (default: the splits of the data, or the rule below)',
  kind: 'drawings: the images are not photos; this changes the default prompt templates',
  novel: 'half: keep the second half of the classes out of training, as CoOp does',
};

/** Where paths start from and may lead to. */
const pathOptions = ['images', 'root'];
/** Those, and columns. */
const tableOptions = [...pathOptions, 'image', 'text', 'class', 'split'];

/** All that `--data` understands: the one list that help texts and errors are made of. */
export const dataKinds: readonly DataKind[] = [
  {
    kind: 'emoji',
    usage: 'emoji',
    about: 'built in: drawings of the same concepts by seven artists',
    options: ['drawn'],
  },
  {
    kind: 'emoji-wide',
    usage: 'emoji-wide',
    about: 'built in: emoji with more training drawings, of concepts that are not classes',
    options: ['drawn'],
  },
  {
    kind: 'emoji-all',
    usage: 'emoji-all',
    about: 'built in: training images for a teacher of emoji-pairs: all built-in sets, without novel pairs',
    options: [],
  },
  {
    kind: 'emoji-pairs',
    usage: 'emoji-pairs',
    about: 'built in: attributes of objects (red cactus, two bells); a quarter of the pairs is never seen in training',
    options: [],
  },
  {
    kind: 'emoji-pairs-scenes',
    usage: 'emoji-pairs-scenes',
    about: 'built in: training images of emoji-pairs and emoji-scenes, without novel pairs; otherwise as emoji-pairs',
    options: [],
  },
  {
    kind: 'emoji-scenes',
    usage: 'emoji-scenes',
    about: 'built in: scenes of one to four of them, with five captions each and boxes',
    options: [],
  },
  {
    kind: 'surfaces',
    usage: 'surfaces',
    about: 'built in: fabric, metal, wood, tile, circuit boards, sound and flawed, for surface inspection',
    options: [],
  },
  {
    kind: 'surfaces-other',
    usage: 'surfaces-other',
    about: 'built in: the same of leather, concrete and printed card, to learn from other products than are inspected',
    options: [],
  },
  {
    kind: 'phantoms',
    usage: 'phantoms',
    about: 'built in: synthetic chest-like images with reports by a grammar, of no patient',
    options: [],
  },
  {
    kind: 'folder',
    usage: 'folder:DIR',
    about:
      'images in one folder per class, optionally inside train, val and test; or one flat folder, optionally with captions',
    options: [],
  },
  {
    kind: 'csv',
    usage: 'csv:FILE',
    about:
      'a table with a header (separator , ; tab or |): columns of image paths, texts, classes and splits, found by name or given',
    options: tableOptions,
  },
  { kind: 'tsv', usage: 'tsv:FILE', about: 'the same with tabs', options: tableOptions },
  {
    kind: 'jsonl',
    usage: 'jsonl:FILE',
    about: 'the same, one JSON object per line, or a JSON list',
    options: tableOptions,
  },
  {
    kind: 'coco',
    usage: 'coco:DIR',
    about:
      'COCO captions and instances in annotations/ or beside the images, or Karpathy’s dataset_coco.json; or one file',
    options: pathOptions,
  },
  {
    kind: 'flickr',
    usage: 'flickr:DIR',
    about: 'Flickr30k or Flickr8k: Karpathy’s dataset_flickr30k.json, or captions.txt or results.csv as they come',
    options: pathOptions,
  },
  {
    kind: 'coop',
    usage: 'coop:DIR',
    about: 'CoOp’s splits, split_zhou_<Name>.json with its images; or ImageNet with classnames.txt',
    options: pathOptions,
  },
  {
    kind: 'wds',
    usage: 'wds:DIR/{000..099}.tar',
    about: 'WebDataset shards as img2dataset writes them, plain or gzipped (those are unpacked into the cache)',
    options: [],
  },
  {
    kind: 'parquet',
    usage: 'parquet:FILE',
    about: 'Hugging Face parquet, a file or a folder of them (images are unpacked into the cache)',
    options: ['image', 'text', 'class', 'split'],
  },
];

/** What some kinds take beside. */
export const ownOptions: Readonly<Record<string, string>> = {
  drawn: 'outlines: the contours of the drawings in their place; both: beside them, as in emoji?drawn=both',
  images: 'the folder that image paths start from',
  root: 'a folder that absolute paths and ../ may lead into',
  image: 'the column of images',
  text: 'columns of texts, comma-separated',
  class: 'the column of class names or numbers; or several 0/1 columns, one per class',
  split: 'the column of splits',
};

/** For the help of `--data`. */
export const dataHelp = `${dataKinds.map(({ usage }) => usage).join(', ')}; "promptkd data inspect --help" explains them`;

/** `kind:path?option=value&option=value`, taken apart. */
export interface DataSpec {
  readonly kind: string;
  readonly path: string;
  readonly options: Readonly<Record<string, string>>;
}

/**
 * Takes a description of data apart.
 *
 * @param kinds those that are understood
 * @param common options that every kind with a path takes beside its own
 * @throws UserError for an unknown kind or option, with the nearest, or a kind without its path
 */
export function parseDataSpec(
  spec: string,
  kinds: readonly DataKind[] = dataKinds,
  common: readonly string[] = kinds === dataKinds ? Object.keys(commonOptions) : [],
): DataSpec {
  const expected = kinds.map(({ usage }) => usage).join(', ');
  const kind = /^[^:?]*/.exec(spec)![0];
  const known = kinds.find((one) => one.kind === kind);
  if (!known) {
    const near = closest(
      kind,
      kinds.map((one) => one.kind),
    );
    const usage = kinds.find((one) => one.kind === near)?.usage;
    throw new UserError(`--data ${spec}: expected one of ${expected}${usage ? `; did you mean ${usage}?` : ''}`);
  }
  const rest = spec.slice(kind.length).replace(/^:/, '');
  // Only what looks like options is taken for them: a path may hold a question mark.
  const [, path, query] = /^(.*?)(?:\?([a-z_]+=.*))?$/s.exec(rest) as unknown as [string, string, string | undefined];
  const needsPath = known.usage !== known.kind;
  if ((path !== '') !== needsPath) throw new UserError(`--data ${spec}: expected ${known.usage}`);
  return {
    kind,
    path,
    options: parseOptions(spec, query, [...known.options, ...(needsPath ? common : [])]),
  };
}

function parseOptions(spec: string, query: string | undefined, allowed: readonly string[]): Record<string, string> {
  const options: Record<string, string> = {};
  for (const pair of query?.split('&') ?? []) {
    const equals = pair.indexOf('=');
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    if (equals < 1 || value === '') {
      throw new UserError(`--data ${spec}: expected option=value behind the question mark, got ${pair || 'nothing'}`);
    }
    if (!allowed.includes(name)) {
      const near = closest(name, allowed);
      throw new UserError(
        `--data ${spec}: unknown option ${name}; expected ${allowed.join(', ') || 'none'}${near ? `; did you mean ${near}?` : ''}`,
      );
    }
    options[name] = value;
  }
  return options;
}
