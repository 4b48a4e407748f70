import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../files/index.js';
import type { Params } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import { initProjector } from './projector.js';
import type { VisualHead } from './visual-student.js';

/** What a visual student carries beside its frozen CLIP model. */
export interface SavedVisualStudent extends VisualHead {
  /** Names of the classes it can tell apart, N. */
  readonly classes: readonly string[];
  /** The prompted teacher's features of them [N, P_t], of unit length. */
  readonly texts: HostTensor<Float32Array>;
}

/** Beside the frozen model's weights in a checkpoint folder. */
export const visualStudentFile = 'visual_student.safetensors';

/** Writes `visual_student.safetensors` into a checkpoint folder; the class names stand in its metadata. */
export async function saveVisualStudent(dir: string, student: SavedVisualStudent): Promise<void> {
  const { prompts, projector, texts, classes } = student;
  const tensors: Params = { text_features: texts };
  for (const [name, value] of Object.entries(prompts)) tensors[`prompts.${name}`] = value;
  for (const [name, value] of Object.entries(projector)) tensors[`projector.${name}`] = value;
  await writeSafetensors(join(dir, visualStudentFile), tensors, { metadata: { classes: JSON.stringify(classes) } });
}

/**
 * Reads `visual_student.safetensors` of a checkpoint folder; undefined where the model is none.
 *
 * @param config of the checkpoint in the folder
 * @throws UserError where the file does not fit the checkpoint, or is not one that was saved
 */
export async function loadVisualStudent(dir: string, config: ClipConfig): Promise<SavedVisualStudent | undefined> {
  const file = join(dir, visualStudentFile);
  if (!existsSync(file)) return undefined;
  const { tensors, metadata } = readSafetensors(file);
  const classes = classNames(metadata?.classes);
  if (!classes) throw new UserError(`${file}: expected class names, a JSON list, in its metadata; save it again`);
  const part = (prefix: string): Params =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  const student = { prompts: part('prompts.'), projector: part('projector.'), classes };
  const texts = tensors.text_features;
  const [count, width] = texts?.shape ?? [];
  if (texts?.shape.length !== 2 || count !== classes.length || !(texts.data instanceof Float32Array)) {
    throw new UserError(`${file}: text_features: expected [${classes.length}, P], one row a class; save it again`);
  }
  const { hidden_size: hidden, num_hidden_layers: layers } = config.vision_config;
  const own = deepPrompts(student.prompts, 'vision');
  if (own.length !== Object.keys(student.prompts).length || own.length > layers) {
    throw new UserError(`${file}: prompts: expected vision.0, vision.1, … for at most ${layers} layers; save it again`);
  }
  for (const [name, { shape }] of Object.entries(student.prompts)) {
    checkShape(file, `prompts.${name}`, shape, [shape[0] ?? 1, hidden]);
  }
  const expected = initProjector(config.projection_dim, width!, 0);
  for (const name of Object.keys({ ...expected, ...student.projector })) {
    checkShape(file, `projector.${name}`, student.projector[name]?.shape, expected[name]?.shape);
  }
  return { ...student, texts: texts as HostTensor<Float32Array> };
}

function checkShape(file: string, name: string, got: readonly number[] | undefined, expected?: readonly number[]) {
  const text = (shape?: readonly number[]) => (shape ? `[${shape.join(', ')}]` : 'nothing');
  if (text(got) === text(expected)) return;
  throw new UserError(
    `${file}: ${name}: expected ${text(expected)}, got ${text(got)}: is it another checkpoint's? Copy both together`,
  );
}

function classNames(json: string | undefined): string[] | undefined {
  try {
    const names: unknown = JSON.parse(json ?? '');
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}
