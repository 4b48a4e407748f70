import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { readSafetensors, type Safetensors, writeSafetensors } from '../files/index.js';
import type { Params } from '../nn/index.js';

/** Everything a run continues from: live arrays by section, and where the run stands. */
export interface RunState {
  readonly params: Params;
  readonly optimizer: Params;
  /** Extra state of the task. */
  readonly task: Params;
  /** Averaged parameters, where the run keeps them. */
  readonly averaged: Params;
}

export interface RunPosition {
  /** Updates done. */
  readonly step: number;
  /** Seconds trained so far, over all sittings. */
  readonly seconds: number;
}

const sections = ['params', 'optimizer', 'task', 'averaged'] as const;

/** Where a run folder keeps its state. */
export function statePath(runDir: string): string {
  return join(runDir, 'state.safetensors');
}

/**
 * Writes the whole state into one file, in F32 so that a resumed run has the same bits, with a checksum so that a damaged
 * one is not trained on from, and in one atomic move so that a run killed while writing keeps the state before.
 *
 * @param fingerprint what the run is (recipe, data); a resume with another one is refused
 */
export async function saveState(
  runDir: string,
  state: RunState,
  position: RunPosition,
  fingerprint: string,
): Promise<void> {
  await writeStateFile(statePath(runDir), state, position, { fingerprint });
}

/** A state as a file of any name. @param metadata beside its position; `fingerprint` is what {@link restoreStateFile} looks at */
export async function writeStateFile(
  path: string,
  state: RunState,
  { step, seconds }: RunPosition,
  metadata: Readonly<Record<string, string>>,
  more: Params = {},
): Promise<void> {
  const tensors: Params = { ...more };
  for (const section of sections) {
    for (const [name, tensor] of Object.entries(state[section])) tensors[`${section}/${name}`] = tensor;
  }
  const position = { step: String(step), seconds: String(seconds) };
  await writeSafetensors(path, tensors, { dtype: 'F32', metadata: { ...metadata, ...position }, checksum: true });
}

/**
 * Reads a saved state into the live arrays.
 * @returns where the run stood, or undefined where nothing was saved
 * @throws UserError where the state belongs to another recipe, data set or model, or is damaged
 */
export async function restoreState(
  runDir: string,
  state: RunState,
  fingerprint: string,
): Promise<RunPosition | undefined> {
  const path = statePath(runDir);
  return existsSync(path) ? restoreStateFile(path, state, fingerprint) : undefined;
}

/**
 * Reads a state file into the live arrays; others that stand in it are passed over.
 * @returns where its run stood
 * @throws UserError where it belongs to another recipe, data set or model, or is damaged
 */
export function restoreStateFile(path: string, state: Partial<RunState>, fingerprint: string): RunPosition {
  const remedy = 'give another run folder, or remove this file to start again';
  const { tensors, metadata } = readStateFile(path, remedy);
  if (metadata.fingerprint !== fingerprint) {
    throw new UserError(
      `${path}: this run was started with another recipe or other data${difference(metadata.fingerprint, fingerprint)}; ${remedy}`,
    );
  }
  const live = sections.flatMap((section) =>
    Object.entries(state[section] ?? {}).map(([name, tensor]) => [`${section}/${name}`, tensor] as const),
  );
  // All is checked before anything is written, so that a refusal leaves the model as it was.
  for (const [name, tensor] of live) {
    const saved = tensors[name];
    if (saved?.data.length !== tensor.data.length) {
      const came = saved ? `[${saved.shape.join(', ')}]` : 'nothing';
      throw new UserError(`${path}: expected ${name} [${tensor.shape.join(', ')}], found ${came}; ${remedy}`);
    }
  }
  const position = { step: Number(metadata.step), seconds: Number(metadata.seconds) };
  for (const [field, value] of Object.entries(position)) {
    if (!(value >= 0)) throw new UserError(`${path}: ${field}: expected a number, got ${metadata[field]}; ${remedy}`);
  }
  for (const [name, tensor] of live) tensor.data.set(tensors[name]!.data);
  return position;
}

/** Reads a state; what is wrong with the file is said with what to do about it. */
function readStateFile(path: string, remedy: string): Safetensors {
  try {
    return readSafetensors(path, { checksum: true });
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${error.message}; ${remedy}`) : error;
  }
}

/** Names the first field in which two JSON fingerprints differ; empty for fingerprints that are no JSON objects. */
function difference(saved: string | undefined, now: string): string {
  try {
    const [a, b] = [flatten(JSON.parse(saved ?? '')), flatten(JSON.parse(now))];
    const field = Object.keys({ ...a, ...b }).find((key) => a[key] !== b[key]);
    return field ? ` (${field} was ${a[field] ?? 'not there'}, is ${b[field] ?? 'not there'})` : '';
  } catch {
    return '';
  }
}

function flatten(value: unknown, path = ''): Record<string, string> {
  if (typeof value !== 'object' || value === null) return { [path]: JSON.stringify(value) };
  return Object.assign({}, ...Object.entries(value).map(([k, v]) => flatten(v, path ? `${path}.${k}` : k)));
}
