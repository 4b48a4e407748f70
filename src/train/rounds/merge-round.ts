import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { checkedJson, parseJson, readSafetensors, type Safetensors, writeSafetensors } from '../../files/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import { lastMerged, type MergedState, mergedFile, readMerged, sharesFolder, writeRoundRecord } from './round-files.js';

export interface MergeOptions {
  /** Outer learning rate. @defaultValue 0.7 */
  readonly lr?: number;
  /** Of Nesterov. @defaultValue 0.9 */
  readonly momentum?: number;
}

/** Largest values of parameters, by name. */
const boundsSchema = z.record(z.string(), z.number());

interface Share extends Safetensors {
  readonly path: string;
  readonly replica: number;
}

/**
 * Makes one state of what the replicas found in a round: an outer step of SGD with Nesterov momentum, as PyTorch computes it, on
 * the mean change (DiLoCo, Douillard et al. 2023, algorithm 1, lines 12 to 14).
 *
 *     Δ = θ − mean_i θ_i;  b' = μ b + Δ;  θ' = θ − η (Δ + μ b') = (1 − c) θ + c mean_i θ_i − η μ² b,  c = η (1 + μ)
 *
 * So one replica, η = 1 and μ = 0 give its own parameters, bit for bit. Computed in float64. Moments, averages and running
 * statistics are means over the replicas: they are what a replica begins with that was not in the round, and what the run ends with.
 *
 * Whatever share is there counts; a replica that was lost is left out of this round's mean.
 *
 * @throws UserError where no share is there, or shares are of different runs, phases or steps, or damaged
 */
export async function mergeRound(folder: string, round: number, options: MergeOptions = {}): Promise<MergedState> {
  const { lr = 0.7, momentum = 0.9 } = options;
  const done = await mergedIn(folder, round);
  if (done) return done;
  const shares = await readShares(folder, round);
  const [first] = shares;
  const { phase, step, steps, fingerprint, bounds } = first!.metadata as Record<string, string>;
  const before = await lastMerged(folder, phase!, round);
  const merged = before && readSafetensors(before.path, { checksum: true });
  const where = `${first!.path}: bounds`;
  const limits = checkedJson(parseJson(bounds ?? '', where), boundsSchema, where);
  const tensors: Params = {};
  for (const [name, tensor] of Object.entries(first!.tensors)) {
    if (name.startsWith('start/')) continue;
    const mean = meanOf(shares, name);
    const own = name.startsWith('params/') ? name.slice('params/'.length) : undefined;
    if (own === undefined) {
      tensors[name] = { shape: tensor.shape, data: Float32Array.from(mean) };
      continue;
    }
    const from = (merged?.tensors[name] ?? first!.tensors[`start/${own}`])!.data;
    const velocity = merged?.tensors[`outer/${own}`]?.data ?? new Float32Array(mean.length);
    const [params, next] = [new Float32Array(mean.length), new Float32Array(mean.length)];
    const c = lr * (1 + momentum);
    for (let i = 0; i < mean.length; i++) {
      const x = (1 - c) * from[i]! + c * mean[i]! - lr * momentum * momentum * velocity[i]!;
      params[i] = Math.min(x, limits[own] ?? Number.POSITIVE_INFINITY);
      next[i] = momentum * velocity[i]! + (from[i]! - mean[i]!);
    }
    tensors[name] = { shape: tensor.shape, data: params };
    tensors[`outer/${own}`] = { shape: tensor.shape, data: next };
  }
  const seconds = Math.max(...shares.map(({ metadata }) => Number(metadata.seconds)));
  const path = mergedFile(folder, phase!, round);
  const metadata = { phase: phase!, fingerprint: fingerprint!, step: step!, steps: steps!, seconds: String(seconds) };
  await writeSafetensors(path, tensors, { dtype: 'F32', metadata, checksum: true });
  const names = shares.map(({ replica }) => replica);
  await writeRoundRecord(path, { phase: phase!, step: Number(step), steps: Number(steps), shares: names });
  // They are in the state now, and of the states before the last one goes on.
  await rm(sharesFolder(folder, round), { recursive: true });
  return (await readMerged(folder, phase!, round))!;
}

/** The merged state of a round, of whichever phase. */
async function mergedIn(folder: string, round: number): Promise<MergedState | undefined> {
  const phases = existsSync(join(folder, 'merged')) ? await readdir(join(folder, 'merged')) : [];
  for (const phase of phases) {
    const merged = await readMerged(folder, phase, round);
    if (merged) return merged;
  }
  return undefined;
}

async function readShares(folder: string, round: number): Promise<Share[]> {
  const at = sharesFolder(folder, round);
  const names = existsSync(at) ? (await readdir(at)).sort() : [];
  const shares = names.flatMap((name): Share[] => {
    const replica = /^replica-(\d{5,})\.safetensors$/.exec(name)?.[1];
    if (replica === undefined) return [];
    const path = join(at, name);
    return [{ ...readSafetensors(path, { checksum: true }), path, replica: Number(replica) }];
  });
  const [first] = shares;
  if (!first) throw new UserError(`${at}: expected at least one replica’s share of round ${round}, found none`);
  for (const { metadata, tensors, path } of shares) {
    for (const field of ['phase', 'step', 'steps', 'fingerprint', 'bounds']) {
      if (metadata[field] === undefined || metadata[field] !== first.metadata[field])
        throw new UserError(
          `${path}: ${field} is ${metadata[field]?.slice(0, 100)}, that of ${first.path} is ${first.metadata[field]?.slice(0, 100)}: replicas train with one recipe and data; remove the file that does not belong here`,
        );
    }
    const other = Object.entries(first.tensors).find(([name, { data }]) => tensors[name]?.data.length !== data.length);
    if (other)
      throw new UserError(
        `${path}: expected ${other[0]} [${other[1].shape.join(', ')}] as in ${first.path}; remove it`,
      );
  }
  return shares;
}

/** In the order of the replicas, so that the same shares give the same bits. */
function meanOf(shares: readonly Share[], name: string): Float64Array {
  const arrays = shares.map(({ tensors }) => (tensors[name] as HostTensor).data);
  const mean = new Float64Array(arrays[0]!.length);
  for (const data of arrays) for (let i = 0; i < mean.length; i++) mean[i]! += data[i]!;
  for (let i = 0; i < mean.length; i++) mean[i]! /= arrays.length;
  return mean;
}
