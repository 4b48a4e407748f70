import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Example, examplesOf, type ImageTextDataset, type Skipped } from '../data/index.js';
import { BusyError, UserError } from '../errors.js';
import { embedImages, embedTexts } from '../evaluate/index.js';
import { ensureFolder, type Lock, lock, lockHolder, writeFileAtomic } from '../files/index.js';
import { type Shard, shardOf, wholeWork } from '../jobs/index.js';
import type { Rows } from '../math/index.js';
import { type Model, modelFingerprint } from '../model/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { type EmbeddedRecord, keyOf, recordOf, stampOf } from './columns.js';
import {
  checkSameKind,
  type EmbedFormat,
  type EmbedManifest,
  readEmbedManifest,
  writeEmbedManifest,
} from './manifest.js';
import { nextStem, partsOf, readRecords, removeEmbeddings, removePart, STATS, writePart } from './parts.js';
import { probeText } from './query.js';

/** Options of {@link embedDataset}. */
export interface EmbedDatasetOptions extends Pick<CompileOptions, 'device' | 'threads'> {
  /** Folder that is filled. */
  readonly out: string;
  /** Name of the model, kept for whoever uses the embeddings. */
  readonly modelName: string;
  /** A split, or several joined by `+`. @defaultValue all of them */
  readonly split?: string;
  /** `npy`: as clip-retrieval's inference; `parquet`: embeddings beside the metadata. @defaultValue `npy` */
  readonly format?: EmbedFormat;
  /** Of `npy`; `parquet` has 32-bit numbers. @defaultValue `f16` */
  readonly dtype?: 'f16' | 'f32';
  /** Whether first captions are embedded, too. @defaultValue where the model reads texts */
  readonly texts?: boolean;
  /** Images a part. @defaultValue 4096 */
  readonly part?: number;
  /** Which share of the images is embedded. @defaultValue all */
  readonly shard?: Shard;
  /** Another data set may be added to what is there. */
  readonly extend?: boolean;
  /** What is there is removed before. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What {@link embedDataset} did. */
export interface EmbedResult {
  readonly folder: string;
  /** Images embedded by this call. */
  readonly embedded: number;
  /** Images of this shard that were there before. */
  readonly already: number;
  /** Images whose files had changed since they were embedded: these, and those of the same parts, are among the embedded ones. */
  readonly changed: number;
  /** Images that could not be read. They are tried again by the next call. */
  readonly unreadable: readonly Skipped[];
  readonly parts: number;
  readonly width: number;
  readonly seconds: number;
}

/** Numbers of an embedding at most a part holds, about: 64 MB. */
const usualPart = 4096;

/**
 * Embeds the images of a data set, and their first captions, into a folder: `img_emb/`, `text_emb/` and `metadata/` as
 * clip-retrieval's inference writes them, one file of each a part. It is incremental: images whose ids are there already
 * are passed over. A part is whole or not there; a run that was killed loses the part it was at.
 *
 * @throws UserError where the folder holds embeddings of something else, or cannot be written; BusyError where another
 * process works on the same shard; the signal's reason
 * @example
 * const modelName = 'promptkd:emoji-student';
 * await embedDataset(await loadModel(modelName), await openDataset('folder:photos'), { out: 'embedded', modelName });
 */
export async function embedDataset(
  model: Model,
  dataset: ImageTextDataset,
  options: EmbedDatasetOptions,
): Promise<EmbedResult> {
  const began = performance.now();
  const { out, shard = wholeWork, part = usualPart, signal, onProgress } = options;
  if (options.overwrite && shard.of > 1) {
    throw new UserError('--overwrite with --shard would remove what other shards wrote: run it once without a shard');
  }
  await ensureFolder(out);
  const held = await lockShard(out, shard);
  try {
    if (options.overwrite) await removeEmbeddings(out);
    const wanted = manifestOf(model, dataset, options);
    await agree(out, wanted, options, model);
    const stems = await partsOf(out);
    const mine = shardOf(chosen(dataset, options.split), shard);
    const { done, changed } = await keysOf(out, stems, dataset, mine);
    const open = mine.filter(({ example }) => !done.has(keyOf({ dataset: dataset.name, id: example.id })));
    const unreadable: Skipped[] = shard.number === 1 ? [...dataset.skipped] : [];
    let [embedded, parts] = [0, 0];
    onProgress?.(0, open.length);
    for (let from = 0; from < open.length; from += part) {
      const some = open.slice(from, from + part);
      const made = await embedPart(model, dataset, some, wanted.texts, {
        ...options,
        onProgress: (count) => onProgress?.(from + count, open.length),
      });
      unreadable.push(...made.skipped);
      if (made.records.length > 0) {
        const stem = nextStem(stems, shard.of === 1 ? 0 : shard.number);
        await writePart(out, stem, made, wanted);
        stems.push(stem);
        parts++;
      }
      embedded += made.records.length;
      signal?.throwIfAborted();
    }
    const seconds = (performance.now() - began) / 1000;
    const result = {
      folder: out,
      embedded,
      already: mine.length - open.length,
      changed,
      unreadable,
      parts,
      width: wanted.width,
    };
    await writeStats(out, shard, { ...result, seconds });
    return { ...result, seconds };
  } finally {
    await held.release();
  }
}

/** All images of the splits, each once, with the split it is in. */
function chosen(dataset: ImageTextDataset, split?: string): { example: Example; split: string }[] {
  const names = split === undefined ? Object.keys(dataset.splits) : split.split('+');
  const seen = new Set<string>();
  return names.flatMap((name) =>
    (split === undefined ? dataset.splits[name]! : examplesOf(dataset, name)).flatMap((example) => {
      if (seen.has(example.id)) return [];
      seen.add(example.id);
      return [{ example, split: name }];
    }),
  );
}

function manifestOf(
  model: Model,
  dataset: ImageTextDataset,
  { modelName, format = 'npy', dtype = 'f16', texts }: EmbedDatasetOptions,
): EmbedManifest {
  const isVisual = !readsTexts(model);
  if (isVisual && texts) {
    throw new UserError(`${modelName}: it is a visual student and embeds no texts: leave out --texts`);
  }
  return {
    version: 1,
    model: modelName,
    fingerprint: modelFingerprint(model),
    preprocess: JSON.stringify(model.preprocess),
    width: isVisual ? model.classes!.features.shape[1]! : model.config.projection_dim,
    format,
    dtype: format === 'parquet' ? 'f32' : dtype,
    texts: texts ?? !isVisual,
    datasets: [dataset.name],
  };
}

/** A visual student (CVPR 2024) has no text tower. */
const readsTexts = (model: Model): boolean => model.encoders !== undefined || !model.projector;

/** Brings the folder's manifest and what is wanted together. */
async function agree(
  out: string,
  wanted: EmbedManifest,
  { extend = false, device, threads }: EmbedDatasetOptions,
  model: Model,
): Promise<void> {
  // Shards begin at the same time: one after the other reads and writes it.
  const held = await lock(join(out, LOCKS, 'manifest'));
  try {
    const there = await readEmbedManifest(out);
    if (!there) {
      const probe = readsTexts(model) ? await embedTexts(model, [probeText], { device, threads }) : undefined;
      return await writeEmbedManifest(out, { ...wanted, probe: probe && Array.from(probe.data) });
    }
    checkSameKind(out, there, wanted);
    const more = wanted.datasets.filter((name) => !there.datasets.includes(name));
    if (more.length === 0) return;
    if (!extend) {
      throw new UserError(
        `${out}: holds embeddings of ${there.datasets.join(', ')}, not of ${more[0]}: give another folder, or --extend to add to it`,
      );
    }
    await writeEmbedManifest(out, { ...there, datasets: [...there.datasets, ...more] });
  } finally {
    await held!.release();
  }
}

/**
 * The images that are there. A part with an image whose file has changed is taken away, so that it is embedded again; of other
 * shards' parts none is.
 */
async function keysOf(
  out: string,
  stems: readonly string[],
  dataset: ImageTextDataset,
  mine: readonly { readonly example: Example }[],
): Promise<{ done: Set<string>; changed: number }> {
  const done = new Set<string>();
  const own = new Map(mine.map(({ example }) => [keyOf({ dataset: dataset.name, id: example.id }), example]));
  let changed = 0;
  for (const stem of stems) {
    const records = await readRecords(out, stem);
    const isOwn = records.every((record) => own.has(keyOf(record)));
    const stale = isOwn ? await staleOf(dataset, records, own) : 0;
    changed += stale;
    if (stale > 0) await removePart(out, stem);
    else for (const record of records) done.add(keyOf(record));
  }
  return { done, changed };
}

/** How many of a part's images have another file now. */
async function staleOf(
  dataset: ImageTextDataset,
  records: readonly EmbeddedRecord[],
  own: ReadonlyMap<string, Example>,
): Promise<number> {
  let stale = 0;
  for (const record of records) {
    const before = record.image_stamp;
    const now = before && (await stampOf(dataset, own.get(keyOf(record))!));
    if (now && now !== before) stale++;
  }
  return stale;
}

async function embedPart(
  model: Model,
  dataset: ImageTextDataset,
  some: readonly { readonly example: Example; readonly split: string }[],
  withTexts: boolean,
  { device, threads, signal, onProgress }: EmbedDatasetOptions,
): Promise<{ records: EmbeddedRecord[]; images: Rows; texts?: Rows; skipped: readonly Skipped[] }> {
  const splits = new Map(some.map(({ example, split }) => [example.id, split]));
  const given = { device, threads, signal };
  // Before it is read: a file that changes meanwhile is another one to the next run.
  const stamps = new Map<string, string | undefined>();
  for (const { example } of some) stamps.set(example.id, await stampOf(dataset, example));
  const images = await embedImages(
    model,
    dataset,
    some.map(({ example }) => example),
    { ...given, onProgress },
  );
  const records = images.examples.map((example) =>
    recordOf(dataset, example, splits.get(example.id)!, stamps.get(example.id)),
  );
  const texts = withTexts ? await captionRows(model, records, images.rows.width, given) : undefined;
  return { records, images: images.rows, texts, skipped: images.skipped };
}

/** A row for each caption, equal ones embedded once; zeros where there is none. */
async function captionRows(
  model: Model,
  records: readonly EmbeddedRecord[],
  width: number,
  options: Pick<EmbedDatasetOptions, 'device' | 'threads' | 'signal'>,
): Promise<Rows> {
  const places = new Map<string, number>();
  for (const { caption } of records) if (caption !== '' && !places.has(caption)) places.set(caption, places.size);
  const rows = { data: new Float32Array(records.length * width), count: records.length, width };
  if (places.size === 0) return rows;
  const { data } = await embedTexts(model, [...places.keys()], options);
  for (const [i, { caption }] of records.entries()) {
    const at = places.get(caption);
    if (at !== undefined) rows.data.set(data.subarray(at * width, (at + 1) * width), i * width);
  }
  return rows;
}

const LOCKS = '.locks';
const lockName = /^shard-(\d+)-of-(\d+)$/;

/**
 * One process a shard, and all processes with the same number of shards: otherwise one image would be embedded twice.
 *
 * @throws BusyError naming who works on it
 */
async function lockShard(out: string, { number, of }: Shard): Promise<Lock> {
  const own = join(out, LOCKS, `shard-${number}-of-${of}`);
  const held = await lock(own, { wait: false });
  if (!held) {
    const holder = await lockHolder(own);
    throw new BusyError(
      `${out}: shard ${number}/${of} is being embedded by process ${holder?.pid ?? 'that just ended'}: wait for it, or stop it first`,
    );
  }
  for (const name of await readdir(join(out, LOCKS))) {
    const other = lockName.exec(name);
    if (!other || Number(other[2]) === of || !(await lockHolder(join(out, LOCKS, name)))) continue;
    await held.release();
    throw new BusyError(
      `${out}: another process embeds it in ${other[2]} shards, and this one in ${of}: use the same number, or wait for it`,
    );
  }
  return held;
}

async function writeStats(out: string, { number, of }: Shard, result: EmbedResult): Promise<void> {
  const { embedded, already, unreadable, seconds } = result;
  const stats = { shard: number, shards: of, embedded, already, unreadable: unreadable.length, seconds };
  const record = { ...stats, images_per_second: embedded / seconds, unreadable_images: unreadable.slice(0, 100) };
  const name = `${String(number).padStart(4, '0')}_of_${String(of).padStart(4, '0')}.json`;
  await writeFileAtomic(join(out, STATS, name), `${JSON.stringify(record, null, 1)}\n`);
}
