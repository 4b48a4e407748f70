import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../errors.js';
import {
  checkFiles,
  fillFolder,
  hash,
  hashParams,
  readJson,
  readSafetensors,
  writeFileAtomic,
  writeSafetensors,
} from '../../../files/index.js';
import { modelFingerprint, type TowerModel } from '../../../model/index.js';
import type { Params } from '../../../nn/index.js';
import { issueError } from '../../../schema-issue.js';
import type { HostTensor } from '../../../tensor/index.js';
import { calibration } from '../head/calibration.js';
import { checkHeadParams, headConfig } from '../head/finding-head.js';
import { sentenceSchema } from './corpus.js';

const share = z.number().min(0).max(1);

const described = z.strictObject({
  kind: z.literal('medical-report-index'),
  version: z.literal(1),
  /** Of the model's weights that the head stands on. */
  model: z.string(),
  /** Folder of that model when the index was made. */
  model_folder: z.string().optional(),
  /** Of the model and head whose probabilities were learned, where there were some. */
  teacher: z.string().optional(),
  data: z.strictObject({ name: z.string(), fingerprint: z.string(), synthetic: z.boolean() }),
  findings: z.string(),
  head: headConfig,
  /** By finding. */
  calibrations: z.record(z.string(), calibration),
  /** Ids of the studies whose reports are quoted, in the order of the rows. */
  studies: z.array(z.string()).min(1),
  sentences: z.array(sentenceSchema).min(1),
  denied: z.record(z.string(), share),
  normal: z.string(),
  /** Less similar to everything indexed than this is no such image; quantile of held-out studies. */
  far: z.number(),
  /** Studies and findings of the evidence keys, in their order. */
  keys: z.array(z.tuple([z.int().min(0), z.int().min(0)])),
});

/** What drafts are made with, beside the model: head, calibrations, sentences and what they are found by. */
export interface ReportIndex {
  readonly described: z.infer<typeof described>;
  /** Parameters of the head. */
  readonly head: Params;
  /** Text features of the prompt pairs [2F, E]. */
  readonly pairs: HostTensor<Float32Array>;
  /** The studies' image features, unit rows [S, E + D]: see `Seen.look`. */
  readonly looks: HostTensor<Float32Array>;
  /** What the head saw of each affirmed finding [K, P + d]: see `Seen.keys`. */
  readonly keys: HostTensor<Float32Array>;
}

const configFile = 'medical_report.json';
const weightsFile = 'medical_report.safetensors';

/** Writes an index's folder, whole or not at all. @throws UserError where it cannot be written */
export async function saveReportIndex(folder: string, index: ReportIndex): Promise<void> {
  await fillFolder(folder, [], async (unfinished) => {
    await writeFileAtomic(join(unfinished, configFile), `${JSON.stringify(index.described)}\n`);
    await writeSafetensors(join(unfinished, weightsFile), tensorsOf(index), { checksum: true });
    return { files: [configFile, weightsFile] };
  });
}

const tensorsOf = ({ head, pairs, looks, keys }: ReportIndex): Params => ({
  ...Object.fromEntries(Object.entries(head).map(([name, value]) => [`head.${name}`, value])),
  ...{ pairs, looks, keys },
});

/** What the index is, as a checksum of all that is in it. */
export const indexFingerprint = (index: ReportIndex): string =>
  hash(JSON.stringify(index.described) + hashParams(tensorsOf(index)));

/** Whether a folder holds an index, or a run that made one. */
export const isReportIndex = (folder: string): boolean =>
  [folder, join(folder, 'index')].some((place) => existsSync(join(place, configFile)));

/**
 * Reads an index: its folder, or that of the run that made it.
 *
 * @throws UserError where it cannot be read, or is damaged
 * @example
 * const { described } = await loadReportIndex('runs/phantom-reports');
 * console.log(`${described.sentences.length} sentences of ${described.studies.length} studies`);
 */
export async function loadReportIndex(name: string): Promise<ReportIndex> {
  const folder = [name, join(name, 'index')].find((place) => existsSync(join(place, configFile)));
  if (!folder) {
    throw new UserError(
      `${name}: expected the folder of an index, with ${configFile}, as promptkd medical-report index writes it`,
    );
  }
  await checkFiles(folder, () => true);
  const file = join(folder, configFile);
  const parsed = described.safeParse(await readJson(file), { reportInput: false });
  if (!parsed.success) throw issueError(parsed.error.issues[0]!, file);
  const path = join(folder, weightsFile);
  const { tensors } = readSafetensors(path);
  const { head: config, studies, keys, findings } = parsed.data;
  const take = (name: string, rows: number, width: number): HostTensor<Float32Array> => {
    const found = tensors[name];
    if (found?.data instanceof Float32Array && found.shape.join() === [rows, width].join()) {
      return { shape: [rows, width], data: found.data };
    }
    throw new UserError(
      `${path}: ${name}: expected [${rows}, ${width}], got ${found ? `[${found.shape.join(', ')}]` : 'nothing'}: make the index of ${findings} again`,
    );
  };
  const head = Object.fromEntries(
    Object.entries(tensors).flatMap(([name, value]) =>
      name.startsWith('head.') ? [[name.slice(5), value] as const] : [],
    ),
  );
  checkHeadParams(config, head, `${path}: head.`);
  return {
    described: parsed.data,
    head,
    pairs: take('pairs', 2 * config.findings, config.embed_width),
    looks: take('looks', studies.length, config.embed_width + config.patch_width),
    keys: take('keys', keys.length, config.patches + config.width),
  };
}

/** @throws UserError where an index stands on a model of other sizes */
function checkSizes({ described: { head } }: ReportIndex, model: TowerModel): void {
  const { vision_config: vision, projection_dim } = model.config;
  const patches = (vision.image_size / vision.patch_size) ** 2;
  if (patches === head.patches && vision.hidden_size === head.patch_width && projection_dim === head.embed_width)
    return;
  throw new UserError(
    `the index stands on another model: expected ${head.patches} patches of width ${head.patch_width} and embeddings of ${head.embed_width}, got ${patches}, ${vision.hidden_size} and ${projection_dim}`,
  );
}

/** @throws UserError where an index stands on another model */
export function checkIndexModel(index: ReportIndex, model: TowerModel): void {
  checkSizes(index, model);
  const [wanted, own] = [index.described.model, modelFingerprint(model)];
  if (own === wanted) return;
  throw new UserError(
    `the index was made with the model ${wanted.slice(0, 12)}, got ${own.slice(0, 12)}: give that one, or allow another form of it (as a quantised one) with --variant`,
  );
}

/**
 * The same index on another form of its model, as a quantised one. How well it fits that is to be measured, not assumed.
 *
 * @throws UserError where that has other sizes
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const small = await loadTowerModel('small', 'medical-report'); // from `quantizeModel`
 * const index = indexForVariant(await loadReportIndex('runs/phantom-reports'), small);
 * const { meanAuroc } = await evaluateReports(small, index, await openStudies('phantoms'));
 */
export function indexForVariant(index: ReportIndex, model: TowerModel): ReportIndex {
  checkSizes(index, model);
  return { ...index, described: { ...index.described, model: modelFingerprint(model) } };
}
