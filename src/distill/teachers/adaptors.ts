import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { checkedJson, hashParams, parseJson, readSafetensors, writeSafetensors } from '../../files/index.js';
import type { TowerModel } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { DualStream } from '../dual-stream.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { teacherName } from './check-teachers.js';

const adaptorFile = 'adaptors.safetensors';

/**
 * Writes the adaptors of a student that several teachers taught beside it: for each teacher that gave features the M from the
 * student's joint space to its own, `N.image` [P_s, P_t]; which is which stands in the file's metadata. Without them nothing is
 * written.
 */
export async function saveAdaptors(
  folder: string,
  { heads, several }: DualStream,
  teachers: readonly Teacher[],
  recipe: DistillRecipe,
): Promise<void> {
  if (!several) return;
  const maps: Params = {};
  const known: Record<string, { name: string; fingerprint: string }> = {};
  for (const [k, teacher] of teachers.entries()) {
    const map = heads[k === 0 ? 'feature.image' : `feature.${k}.image`];
    if (!map) continue;
    maps[`${k + 1}.image`] = map;
    known[`${k + 1}`] = { name: teacherName(recipe, k), fingerprint: weightsOf(teacher) };
  }
  if (Object.keys(maps).length === 0) return;
  await writeSafetensors(join(folder, adaptorFile), maps, { metadata: { teachers: JSON.stringify(known) } });
}

/** Checksum of a teacher's weights, whatever it was computed in. */
const weightsOf = (teacher: Pick<Teacher, 'fingerprint'>) => teacher.fingerprint().split(' ')[0]!;

/** The file's metadata: its teachers by number. */
const described = z.record(z.string(), z.object({ name: z.string(), fingerprint: z.string() }));

interface Adaptor {
  readonly name: string;
  readonly fingerprint: string;
  /** [P_s, P_t] */
  readonly map: HostTensor;
}

function readAdaptors(folder: string): Readonly<Record<string, Adaptor>> {
  const file = join(folder, adaptorFile);
  if (!existsSync(file)) return {};
  const { tensors, metadata } = readSafetensors(file);
  const label = `${file}: metadata teachers`;
  const teachers = checkedJson(parseJson(metadata.teachers ?? '{}', label), described, label);
  return Object.fromEntries(
    Object.entries(teachers).flatMap(([number, one]) => {
      const map = Object.hasOwn(tensors, `${number}.image`) ? tensors[`${number}.image`] : undefined;
      return map ? [[number, { ...one, map }]] : [];
    }),
  );
}

/** The teachers that a student has adaptors to, by number. @throws UserError for a file that cannot be read */
export function adaptorNames(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(readAdaptors(folder)).map(([number, { name }]) => [number, name]));
}

/**
 * A student in one of its teachers' joint spaces: its vision tower, with the adaptor folded into its projection, and that
 * teacher's text tower, tokenizer and logit scale. M is linear and directions alone count, so that nothing is lost:
 * cos(e M, t) = cos((W x) M, t) with the projection Mᵀ W.
 *
 * @param which number of the teacher, or its name as the run knows it
 * @param teacher the checkpoint of that teacher
 * @throws UserError where the student has no such adaptor, or the checkpoint is of another model
 */
export function withAdaptor(
  student: TowerModel,
  which: string,
  teacher: Pick<TowerModel, 'config' | 'params' | 'tokenizer'>,
): TowerModel {
  const folder = student.source?.folder;
  const all = folder === undefined ? {} : readAdaptors(folder);
  const found = Object.entries(all).find(([number, { name }]) => number === which || name === which)?.[1];
  if (!found) {
    const known = Object.entries(all).map(([number, { name }]) => `${number} (${name})`);
    throw new UserError(
      `--adaptor ${which}: expected ${known.length > 0 ? `one of ${known.join(', ')}` : 'a student of several teachers that gave features; this model has no adaptors'}`,
    );
  }
  if (found.fingerprint !== hashParams(teacher.params)) {
    throw new UserError(
      `--adaptor ${which}: the student was taught by another model than the checkpoint given for ${found.name}`,
    );
  }
  const [width, own] = [teacher.config.projection_dim, student.config.projection_dim];
  if (found.map.shape.length !== 2 || found.map.shape[0] !== own || found.map.shape[1] !== width) {
    throw new UserError(
      `${join(folder!, adaptorFile)}: ${found.name}: expected [${own}, ${width}], got [${found.map.shape.join(', ')}]: distil the student again`,
    );
  }
  const vision = Object.entries(student.params).filter(([name]) => name.startsWith('vision_model.'));
  const text = Object.entries(teacher.params).filter(([name]) => !/^(vision_model|visual_projection)/.test(name));
  return {
    config: {
      ...teacher.config,
      vision_config: student.config.vision_config,
      projection_dim: teacher.config.projection_dim,
    },
    params: {
      ...Object.fromEntries([...vision, ...text]),
      'visual_projection.weight': folded(student.params['visual_projection.weight']!, found.map),
    },
    preprocess: student.preprocess,
    tokenizer: teacher.tokenizer,
    prompts: student.prompts && { vision: student.prompts.vision },
  };
}

/** Mᵀ W of a projection W [P_s, D] and M [P_s, P_t]. */
function folded(projection: HostTensor, map: HostTensor): HostTensor<Float32Array> {
  const [from, width] = projection.shape as [number, number];
  const to = map.shape[1] as number;
  const data = new Float32Array(to * width);
  for (let p = 0; p < from; p++) {
    for (let t = 0; t < to; t++) {
      const factor = map.data[p * to + t]!;
      for (let d = 0; d < width; d++) data[t * width + d]! += factor * projection.data[p * width + d]!;
    }
  }
  return { shape: [to, width], data };
}
