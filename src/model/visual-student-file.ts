import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import { jsonOrNothing, readSafetensors, writeSafetensors } from '../files/index.js';
import type { Params } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import type { TowerModel } from './model.js';
import { initProjector } from './projector.js';

/** What a visual student has beside its frozen CLIP model. */
export type VisualParts = Required<Pick<TowerModel, 'prompts' | 'projector' | 'classes'>>;

/** Beside the frozen model's weights in a checkpoint folder. */
export const visualStudentFile = 'visual_student.safetensors';

/**
 * Writes `visual_student.safetensors` into a checkpoint folder; the class names stand in its metadata.
 *
 * @throws Error for a model without a projector or classes
 */
export async function saveVisualStudent(dir: string, { prompts, projector, classes }: TowerModel): Promise<void> {
  if (!prompts || !projector || !classes) throw new Error('saveVisualStudent: expected prompts, projector and classes');
  const tensors: Params = { text_features: classes.features };
  for (const [name, value] of Object.entries(prompts.vision)) tensors[`prompts.${name}`] = value;
  for (const [name, value] of Object.entries(projector)) tensors[`projector.${name}`] = value;
  const metadata = { classes: JSON.stringify(classes.names) };
  await writeSafetensors(join(dir, visualStudentFile), tensors, { metadata });
}

/**
 * Reads `visual_student.safetensors` of a checkpoint folder; undefined where the model is none.
 *
 * @param config of the checkpoint in the folder
 * @throws UserError where the file does not fit the checkpoint, or is not one that was saved
 */
export async function loadVisualStudent(dir: string, config: ClipConfig): Promise<VisualParts | undefined> {
  const file = join(dir, visualStudentFile);
  if (!existsSync(file)) return undefined;
  const { tensors, metadata } = readSafetensors(file);
  const names = classNames(metadata?.classes);
  if (!names) throw new UserError(`${file}: expected class names, a JSON list, in its metadata; save it again`);
  const part = (prefix: string): Params =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  const [vision, projector] = [part('prompts.'), part('projector.')];
  const texts = tensors.text_features;
  const [count, width] = texts?.shape ?? [];
  if (texts?.shape.length !== 2 || count !== names.length || !(texts.data instanceof Float32Array)) {
    throw new UserError(`${file}: text_features: expected [${names.length}, P], one row a class; save it again`);
  }
  const { hidden_size: hidden, num_hidden_layers: layers } = config.vision_config;
  const own = deepPrompts(vision, 'vision');
  if (own.length !== Object.keys(vision).length || own.length > layers) {
    throw new UserError(`${file}: prompts: expected vision.0, vision.1, … for at most ${layers} layers; save it again`);
  }
  for (const [name, { shape }] of Object.entries(vision)) {
    checkShape(file, `prompts.${name}`, shape, [shape[0] ?? 1, hidden]);
  }
  const expected = initProjector(config.projection_dim, width!, 0);
  for (const name of Object.keys({ ...expected, ...projector })) {
    checkShape(file, `projector.${name}`, projector[name]?.shape, expected[name]?.shape);
  }
  const features = texts as HostTensor<Float32Array>;
  return { prompts: { vision }, projector, classes: { names, features, templates: ['{}'] } };
}

function checkShape(file: string, name: string, got: readonly number[] | undefined, expected?: readonly number[]) {
  const text = (shape?: readonly number[]) => (shape ? `[${shape.join(', ')}]` : 'nothing');
  if (text(got) === text(expected)) return;
  throw new UserError(
    `${file}: ${name}: expected ${text(expected)}, got ${text(got)}: is it another checkpoint's? Copy both together`,
  );
}

function classNames(json: string | undefined): string[] | undefined {
  const names = jsonOrNothing(json);
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
}
