import { type ClipConfig, type DownloadOptions, initClip, type Tokenizer } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { loadModelCheckpoint } from '../../model/index.js';
import type { Params } from '../../nn/index.js';
import type { HostTensor } from '../../tensor/index.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { checkInheritable, inherit } from './inherit.js';
import { principalStreams, type TrainingData } from './principal-streams.js';
import { importantStreams } from './residual-stream.js';

/** A student at its start. */
export interface StudentStart {
  config: ClipConfig;
  params: Params;
  /** The teacher's, but for a student that brings its own. */
  tokenizer: Tokenizer;
  /** M of an inherited vision tower's features. */
  map?: HostTensor;
}

/**
 * The student's shape: the recipe's sizes, and the teacher's vocabulary, joint space, activation and patches where it
 * says nothing.
 *
 * @throws UserError for sizes that do not fit each other or the teacher
 */
export function studentConfig(recipe: DistillRecipe, teacher: ClipConfig): ClipConfig {
  const { vision, text, projection_dim } = recipe.student;
  const given = <T extends object>(fields: T) =>
    Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined));
  const config: ClipConfig = {
    ...teacher,
    projection_dim: projection_dim ?? teacher.projection_dim,
    vision_config: { ...teacher.vision_config, ...given(vision) },
    text_config: { ...teacher.text_config, ...given(text) },
  };
  for (const [name, tower] of [
    ['vision', config.vision_config],
    ['text', config.text_config],
  ] as const) {
    if (tower.hidden_size % tower.num_attention_heads !== 0) {
      throw new UserError(
        `student.${name}.num_attention_heads: expected a divisor of hidden_size ${tower.hidden_size}, got ${tower.num_attention_heads}`,
      );
    }
  }
  const { image_size, patch_size } = config.vision_config;
  if (image_size % patch_size !== 0) {
    throw new UserError(
      `student.vision.image_size: expected a multiple of patch_size ${patch_size}, got ${image_size}`,
    );
  }
  return config;
}

/**
 * The student as the recipe starts it: inherited from the teacher, at random, or from a checkpoint.
 *
 * @param source what it will be distilled on: principal components are those of its images and texts
 */
export async function startStudent(
  recipe: DistillRecipe,
  teacher: Teacher,
  source: TrainingData & DownloadOptions,
): Promise<StudentStart> {
  const init = recipe.method === 'kd' ? recipe.kd.init : recipe.student.init;
  if (init === 'given') {
    if (!recipe.student.checkpoint)
      throw new UserError('student.checkpoint: init "given" needs a checkpoint folder, got none');
    const { config, params, tokenizer } = await loadModelCheckpoint(recipe.student.checkpoint, source);
    return { config, params, tokenizer };
  }
  const config = studentConfig(recipe, teacher.config);
  const { tokenizer } = teacher;
  if (init === 'random') return { config, params: initClip(config, recipe.seed), tokenizer };
  checkInheritable(teacher.config, config);
  const { inherit_layers: layers, inherit_channels } = recipe.student;
  const streams =
    inherit_channels === 'principal'
      ? await principalStreams(recipe, teacher, config, source)
      : importantStreams(teacher.params, teacher.config, config);
  const params = inherit(teacher.params, teacher.config, config, { layers, streams });
  return { config, params, tokenizer, map: streams.vision.map };
}
