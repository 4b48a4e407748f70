import { join } from 'node:path';
import { preprocessConfigJson } from '../../clip/index.js';
import type { RawImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { fillFolder, writeFileAtomic } from '../../files/index.js';
import { modelPixels } from '../../loader/index.js';
import { Random } from '../../math/index.js';
import { logitFactor, modelWeights, type TowerModel } from '../../model/index.js';
import { type Params, paramFeeds, paramInputs } from '../../nn/index.js';
import { OnnxFile } from '../../runtime/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { Analyser, findingsOf } from './analyse.js';
import { checkIndexModel, indexFingerprint, type ReportIndex } from './corpus/index-folder.js';
import { draftHeader } from './draft/draft.js';
import { findingGraph, headPrefix, pairScores } from './head/finding-graph.js';
import { findingHead } from './head/finding-head.js';
import { findingSet } from './labels/finding-set.js';

/** Largest difference of a probability from the engine's that is let through. */
const tolerance = 1e-3;

/** What {@link exportReports} wrote. */
export interface ExportedReports {
  readonly folder: string;
  /** By file. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Largest difference of a probability from the engine's, over some random images. */
  readonly difference: number;
}

interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly weights: Params;
}

/**
 * Writes what finds findings, for ONNX Runtime:
 *
 * - `finding_model.onnx`: pixel_values [batch, 3, S, S] → probabilities [batch, F], attention [batch, F, P], image_embeds [batch, E]:
 *   tower, head, prompt pairs and calibration in one graph
 * - `finding_head.onnx`: patch_tokens [batch, P, D] and image_embeds [batch, E] → probabilities, attention: for towers that run already
 * - `medical_report.json`: findings, thresholds, what it was made of, and the header that stands above every draft
 *
 * Sentences are not exported: they are reports of patients. What was written is run and compared with the engine.
 *
 * @throws UserError where the index stands on another model, the folder cannot be written, or the files answer otherwise
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('runs/phantom-student', 'medical-report');
 * const { bytes } = await exportReports(model, await loadReportIndex('runs/phantom-reports'), 'exported-reports');
 */
export async function exportReports(model: TowerModel, index: ReportIndex, out: string): Promise<ExportedReports> {
  checkIndexModel(index, model);
  const graphs = { 'finding_model.onnx': modelGraph(model, index), 'finding_head.onnx': headGraph(model, index) };
  const files = Object.fromEntries(
    Object.entries(graphs).map(([name, { outputs, weights }]) => [
      name,
      t.toOnnx({ outputs, initializers: weights }).bytes,
    ]),
  );
  const difference = await differenceOf(model, index, files['finding_model.onnx']!);
  if (!(difference <= tolerance)) {
    throw new UserError(
      `${out}: the exported model gives other probabilities than the engine: they differ by ${difference}, at most ${tolerance} is right`,
    );
  }
  const { described } = index;
  const manifest = {
    ...{ kind: 'medical-report-export', version: 1, header: draftHeader, synthetic: described.data.synthetic },
    findings: Object.entries(described.calibrations).map(([name, { present, absent }]) => ({ name, present, absent })),
    ...{ image_size: model.preprocess.size, patches: described.head.patches, layer: described.head.layer },
    ...{ model: described.model, index: indexFingerprint(index), data: described.data },
  };
  const texts = { 'preprocessor_config.json': preprocessConfigJson(model.preprocess), 'medical_report.json': manifest };
  await fillFolder(out, [], async (unfinished) => {
    for (const [name, bytes] of Object.entries(files)) await writeFileAtomic(join(unfinished, name), bytes);
    for (const [name, content] of Object.entries(texts)) {
      await writeFileAtomic(join(unfinished, name), `${JSON.stringify(content, null, 2)}\n`);
    }
    return { files: [...Object.keys(files), ...Object.keys(texts)] };
  });
  return {
    folder: out,
    bytes: Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length])),
    difference,
  };
}

function modelGraph(model: TowerModel, index: ReportIndex): Graph {
  const { size } = model.preprocess;
  const weights = modelWeights(model);
  const made = findingGraph(
    { model: paramInputs(weights), head: paramInputs(index.head, headPrefix) },
    ...([model, index.described.head, t.input('pixel_values', ['batch_size', 3, size, size])] as const),
    ...([t.input('pair_texts', index.pairs.shape), logitFactor(model)] as const),
  );
  return {
    outputs: {
      ...{ probabilities: probabilities(index, made.logits, made.pairs), attention: made.attention },
      image_embeds: made.embed,
    },
    weights: { ...weights, ...paramFeeds(index.head, headPrefix), pair_texts: index.pairs },
  };
}

function headGraph(model: TowerModel, index: ReportIndex): Graph {
  const { head: config } = index.described;
  const patches = t.input('patch_tokens', ['batch_size', config.patches, config.patch_width]);
  const embed = t.l2Normalize(t.input('image_embeds', ['batch_size', config.embed_width]));
  const made = findingHead(paramInputs(index.head, headPrefix), config, { patches, embed });
  const pairs = pairScores(embed, t.input('pair_texts', index.pairs.shape), config.findings, logitFactor(model));
  return {
    outputs: { probabilities: probabilities(index, made.logits, pairs), attention: made.attention },
    weights: { ...paramFeeds(index.head, headPrefix), pair_texts: index.pairs },
  };
}

function probabilities({ described }: ReportIndex, logits: Tensor, pairs: Tensor): Tensor {
  const row = (pick: 'head' | 'pair' | 'bias'): HostTensor => {
    const { findings } = findingSet(described.findings);
    const data = Float32Array.from(findings, ({ name }) => described.calibrations[name]![pick]);
    return { shape: [data.length], data };
  };
  const both = t.add(t.mul(logits, t.constant(row('head'))), t.mul(pairs, t.constant(row('pair'))));
  return t.sigmoid(t.add(both, t.constant(row('bias'))));
}

/** Largest difference of the exported file's probabilities from those that drafts are made of, over some random images. */
async function differenceOf(model: TowerModel, index: ReportIndex, file: Uint8Array): Promise<number> {
  const { size } = model.preprocess;
  const random = new Random('medical-report-export');
  const images = Array.from({ length: 3 }, (): RawImage => {
    const data = Uint8Array.from({ length: 3 * size * size }, () => random.int(256));
    return { width: size, height: size, channels: 3, data };
  });
  const pixels = new Float32Array(images.length * 3 * size * size);
  for (const [i, image] of images.entries()) {
    pixels.set(modelPixels(image, model.preprocess, 'noise'), i * 3 * size * size);
  }
  const [exported, analyser] = await Promise.all([OnnxFile.open(file), Analyser.open(model, index)]);
  try {
    const made = await exported.run({ pixel_values: { shape: [images.length, 3, size, size], data: pixels } });
    const seen = await analyser.see(images.map((image) => [image]));
    const wanted = seen.flatMap((one) => findingsOf(one, index).map(({ probability }) => probability));
    return made.probabilities!.data.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
  } finally {
    await Promise.all([exported.dispose(), analyser.dispose()]);
  }
}
