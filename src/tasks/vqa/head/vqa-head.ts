import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { closest, UserError } from '../../../errors.js';
import { embedTexts } from '../../../evaluate/index.js';
import {
  fillFolder,
  readJsonAsSync,
  readSafetensors,
  writeFileAtomic,
  writeSafetensors,
} from '../../../files/index.js';
import { modelFingerprint, type TowerModel } from '../../../model/index.js';
import type { Params } from '../../../nn/index.js';
import type { HostTensor } from '../../../tensor/index.js';
import { checkHeadParams } from './head.js';
import { type HeadConfig, headConfig } from './head-config.js';

/** A head with its answers: A of them, in a joint space of width J. */
export interface VqaHead {
  readonly config: HeadConfig;
  readonly params: Params;
  /** What it can answer. */
  readonly answers: readonly string[];
  /** Text embeddings of the answers, less their centre, as unit rows [A, J]. */
  readonly directions: HostTensor<Float32Array>;
  /** Added to each answer's logit [A]. */
  readonly bias: HostTensor<Float32Array>;
  /** Mean of the training answers' text embeddings [J], which directions are seen from. */
  readonly centre: HostTensor<Float32Array>;
}

const weightsFile = 'vqa_head.safetensors';
const configFile = 'vqa_head.json';
/** The folder of a head, by its files. */
export const headFiles = [configFile, weightsFile] as const;

const saved = z.strictObject({ ...headConfig.shape, answers: z.array(z.string().min(1)).min(1) });

/** Answers as unit rows of the joint space, seen from their centre: text embeddings all point nearly the same way. */
export async function answerRows(model: TowerModel, answers: readonly string[], threads?: number) {
  const rows = await embedTexts(model, answers, { threads });
  const { width } = rows;
  const centre = new Float32Array(width);
  for (let i = 0; i < rows.data.length; i++) centre[i % width]! += rows.data[i]! / rows.count;
  return {
    centre: { shape: [width], data: centre },
    directions: { shape: [rows.count, width], data: directionsFrom(rows.data, centre) },
  };
}

function directionsFrom(rows: Float32Array, centre: Float32Array): Float32Array {
  const width = centre.length;
  const out = rows.map((x, i) => x - centre[i % width]!);
  for (let from = 0; from < out.length; from += width) {
    const row = out.subarray(from, from + width);
    const norm = Math.hypot(...row);
    for (let i = 0; i < width; i++) row[i]! /= norm || 1;
  }
  return out;
}

/**
 * A head that has more answers: each is its text's direction, with the usual bias. No training is needed, and none is done: how
 * well a new answer is found depends on what lies near it.
 *
 * @throws UserError where the model is another
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'vqa');
 * const head = await withAnswers(loadVqaHead('runs/vqa'), model, ['unicorn']);
 */
export async function withAnswers(head: VqaHead, model: TowerModel, more: readonly string[]): Promise<VqaHead> {
  checkHeadModel(head, model);
  const added = [...new Set(more)].filter((answer) => !head.answers.includes(answer));
  if (added.length === 0) return head;
  const rows = await embedTexts(model, added, {});
  const directions = directionsFrom(rows.data, head.centre.data);
  const sorted = [...head.bias.data].sort((a, b) => a - b);
  const bias = new Float32Array(added.length).fill(sorted[Math.floor(sorted.length / 2)]!);
  const total = head.answers.length + added.length;
  return {
    ...head,
    answers: [...head.answers, ...added],
    directions: { shape: [total, rows.width], data: joined(head.directions.data, directions) },
    bias: { shape: [total], data: joined(head.bias.data, bias) },
  };
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** @throws UserError where a head was trained on another model */
export function checkHeadModel({ config }: Pick<VqaHead, 'config'>, model: TowerModel, where = 'the head'): void {
  const own = modelFingerprint(model);
  if (own === config.model) return;
  throw new UserError(
    `${where}: expected the model that it was trained on, ${config.model.slice(0, 12)}, got ${model.source?.folder ?? 'a model'}, ${own.slice(0, 12)}: give that model, or train a head on this one with promptkd vqa train`,
  );
}

/** Columns of some answers. @throws UserError for one that the head does not know, with the nearest */
export function answerColumns({ answers }: Pick<VqaHead, 'answers'>, wanted: readonly string[]): number[] {
  const places = new Map(answers.map((answer, i) => [answer, i]));
  return wanted.map((answer) => {
    const place = places.get(answer);
    if (place !== undefined) return place;
    const near = closest(answer, answers);
    throw new UserError(
      `answers: expected some of the head's ${answers.length} answers, got ${JSON.stringify(answer.slice(0, 60))}${near ? `; did you mean ${near}?` : ''}; add it to the head with --add-answers`,
    );
  });
}

/**
 * Writes a head's folder, whole or not at all.
 *
 * @throws UserError where it cannot be written
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'vqa');
 * await saveVqaHead('with-unicorns', await withAnswers(loadVqaHead('runs/vqa'), model, ['unicorn']));
 */
export async function saveVqaHead(folder: string, head: VqaHead): Promise<void> {
  const { config, answers, params, directions, bias, centre } = head;
  await fillFolder(folder, [], async (unfinished) => {
    await writeFileAtomic(join(unfinished, configFile), `${JSON.stringify({ ...config, answers }, null, 2)}\n`);
    const own = Object.fromEntries(Object.entries(params).map(([name, value]) => [`head.${name}`, value]));
    const tensors = { ...own, 'answers.directions': directions, 'answers.bias': bias, 'answers.centre': centre };
    await writeSafetensors(join(unfinished, weightsFile), tensors, { checksum: true });
    return { files: [...headFiles] };
  });
}

/** The folder of a head: itself, or that of a run, its best before its last. */
export const headFolder = (name: string): string =>
  [name, join(name, 'best'), join(name, 'head')].find((folder) => existsSync(join(folder, configFile))) ?? name;

/**
 * Reads a head: its folder, or that of the run that trained it, its best before its last.
 *
 * @throws UserError where it cannot be read
 * @example
 * console.log(loadVqaHead('runs/vqa').answers);
 */
export function loadVqaHead(name: string): VqaHead {
  const folder = headFolder(name);
  const file = join(folder, configFile);
  if (!existsSync(file)) {
    throw new UserError(
      `${name}: expected the folder of a VQA head, with ${configFile}, or of a run of promptkd vqa train`,
    );
  }
  const { answers, ...config } = readJsonAsSync(file, saved);
  const path = join(folder, weightsFile);
  const { tensors } = readSafetensors(path);
  const take = (key: string, shape: readonly number[]): HostTensor<Float32Array> => {
    const found = tensors[key];
    if (found?.data instanceof Float32Array && found.shape.join() === shape.join()) {
      return found as HostTensor<Float32Array>;
    }
    const got = found ? `[${found.shape.join(', ')}]` : 'nothing';
    throw new UserError(`${path}: ${key}: expected [${shape.join(', ')}], got ${got}: train the head again`);
  };
  const own = Object.entries(tensors).filter(([key]) => key.startsWith('head.'));
  const params = Object.fromEntries(own.map(([key, value]) => [key.slice(5), value]));
  if (config.width % config.heads !== 0) {
    throw new UserError(`${file}: heads: expected a divisor of the width ${config.width}, got ${config.heads}`);
  }
  checkHeadParams(config, params, `${path}: head.`);
  return {
    ...{ config, answers, params },
    directions: take('answers.directions', [answers.length, config.text_width]),
    bias: take('answers.bias', [answers.length]),
    centre: take('answers.centre', [config.text_width]),
  };
}
