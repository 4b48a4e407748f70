import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  cannotWrite,
  checksum,
  encodeSafetensors,
  ensureFolder,
  readJsonAsSync,
  removeLeftovers,
  syncFolder,
  temporaryPath,
  writeFileAtomic,
} from '../files/index.js';
import type { Params } from '../nn/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { Anchor, BankTask } from './bank.js';
import { readWhole } from './read-whole.js';

const about = 'task.json';
const weights = 'task.safetensors';

const name = z.string().min(1);
/** Free of what a path could be made of, so that no bank leads outside its folder. */
export const taskName = name
  .max(80)
  .regex(/^[\p{L}\p{N}_][\p{L}\p{N} _.+-]*$/u, { error: 'expected letters, digits, spaces and . _ + - alone' });

const schema = z.object({
  name: taskName,
  classes: z.array(name).min(1),
  data: z.object({ name: z.string(), fingerprint: z.string() }),
  steps: z.int().min(0),
  seconds: z.number().min(0),
  threshold: z.object({ image: z.number(), text: z.number() }),
  replay: z.object({ side: z.int().positive(), labels: z.array(z.int().min(0)) }).optional(),
  /** SHA-256 of the tensors' file. */
  weights: z.string(),
});

const part = (tensors: Params, prefix: string): Params =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, tensor]) => [key.slice(prefix.length), tensor]),
  );
const put = (tensors: Params, prefix: string, more: Params) => {
  for (const [key, tensor] of Object.entries(more)) tensors[prefix + key] = tensor;
};

/** The tensors of an anchor, for a file. */
export function anchorTensors({ fisher, values }: Anchor, prefix = ''): Params {
  const tensors: Params = {};
  put(tensors, `${prefix}fisher.`, fisher);
  put(tensors, `${prefix}value.`, values);
  return tensors;
}

/** The anchor in a file's tensors; undefined where there is none. */
export function anchorOf(tensors: Params, prefix = ''): Anchor | undefined {
  const fisher = part(tensors, `${prefix}fisher.`);
  const values = part(tensors, `${prefix}value.`);
  return Object.keys(fisher).length > 0 ? { fisher, values } : undefined;
}

/**
 * Writes a task as a folder of its own: it appears whole, or not at all.
 *
 * @param folder of all tasks
 */
export async function writeTask(folder: string, task: BankTask): Promise<void> {
  const { keys, prompts, anchor, replay } = task;
  const tensors: Params = { 'keys.centroids': keys.centroids, 'keys.texts': keys.texts };
  put(tensors, 'prompts.', prompts);
  if (anchor) Object.assign(tensors, anchorTensors(anchor, 'anchor.'));
  const pixels = replay && {
    'replay.pixels': {
      dtype: 'U8' as const,
      shape: [replay.labels.length, replay.side, replay.side, 3],
      data: replay.pixels,
    },
  };
  const place = join(folder, task.name);
  const made = temporaryPath(place);
  try {
    await ensureFolder(folder);
    await removeLeftovers(folder);
    await mkdir(made);
    const bytes = Buffer.concat([...encodeSafetensors({ ...tensors, ...pixels })]);
    await writeFileAtomic(join(made, weights), bytes);
    // Field by field: a task that is read and written again has the same bytes.
    const json: z.input<typeof schema> = {
      ...{
        name: task.name,
        classes: [...task.classes],
        data: { name: task.data.name, fingerprint: task.data.fingerprint },
      },
      ...{ steps: task.steps, seconds: task.seconds, weights: checksum(bytes) },
      threshold: { image: keys.threshold.image, text: keys.threshold.text },
      ...(replay && { replay: { side: replay.side, labels: [...replay.labels] } }),
    };
    await writeFileAtomic(join(made, about), `${JSON.stringify(json, null, 2)}\n`);
    // What stands there under this name is a task that was never finished: the bank's list does not name it.
    await rm(place, { recursive: true, force: true });
    await rename(made, place);
    await syncFolder(folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw cannotWrite(place, error);
  }
}

/** @throws UserError where the folder is not whole */
export function readTask(folder: string, named: string): BankTask {
  const place = join(folder, named);
  const file = join(place, about);
  const { threshold, replay, weights: sum, ...rest } = readJsonAsSync(file, schema);
  const { tensors, raw } = readWhole(join(place, weights), sum);
  const pixels = raw['replay.pixels'];
  const key = (which: string) => tensors[`keys.${which}`] as HostTensor<Float32Array>;
  return {
    ...rest,
    prompts: part(tensors, 'prompts.'),
    keys: { centroids: key('centroids'), texts: key('texts'), threshold },
    anchor: anchorOf(tensors, 'anchor.'),
    replay: replay && pixels ? { ...replay, pixels: pixels.data as Uint8Array } : undefined,
  };
}
