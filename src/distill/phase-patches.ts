import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';
import { Random } from '../math/index.js';
import type { DistillRecipe } from './recipe.js';
import type { Teacher } from './teacher/teacher.js';

/** What of an image a phase's steps see. */
export interface PhasePatches {
  /** Share of the patches that each step leaves out, by lot. */
  readonly dropPatches?: number;
  /** Side of the images; left out: the student's own. */
  readonly imageSize?: number;
}

/** The student's patches in a phase. */
export interface SeenPatches {
  /** Side of the images. */
  readonly size: number;
  /** Patches in a row and in a column. */
  readonly grid: readonly [number, number];
  /** Patches that a step keeps; all, where none is dropped. */
  readonly kept: number;
}

type Vision = Pick<ClipConfig['vision_config'], 'image_size' | 'patch_size'>;

export function seenPatches({ dropPatches = 0, imageSize }: PhasePatches, vision: Vision): SeenPatches {
  const size = imageSize ?? vision.image_size;
  const side = size / vision.patch_size;
  return { size, grid: [side, side], kept: Math.round((1 - dropPatches) * side * side) };
}

/**
 * @param teachers how many
 * @throws UserError for images that are no whole number of patches or larger than the student's, for a phase that keeps no patch,
 *   and for dropped patches with several teachers
 */
export function checkPhasePatches(
  phases: readonly (PhasePatches & { readonly name: string })[],
  vision: Vision,
  teachers: number,
): void {
  const { patch_size: patch, image_size: largest } = vision;
  for (const { name, ...phase } of phases) {
    const { size, kept } = seenPatches(phase, vision);
    if (size % patch !== 0 || size > largest) {
      throw new UserError(
        `phases.${name}.image_size: expected a multiple of the student's patch size ${patch}, ${largest} at most, got ${size}`,
      );
    }
    if (kept < 1) {
      throw new UserError(
        `phases.${name}.drop_patches: ${phase.dropPatches} of the ${(size / patch) ** 2} patches leaves none; lower it`,
      );
    }
    if (phase.dropPatches && teachers > 1)
      throw new UserError(`phases.${name}.drop_patches: expected 0 with several teachers, got ${phase.dropPatches}`);
  }
}

/** @throws UserError for a grid of pooled targets that is not coarser than the teacher's, or that nothing can be compared with */
export function checkTargetGrid(
  { targets: { grid } }: Pick<DistillRecipe, 'targets'>,
  phases: readonly (PhasePatches & { readonly name: string })[],
  teachers: readonly Pick<Teacher, 'config'>[],
): void {
  if (grid === undefined) return;
  const { image_size, patch_size } = teachers[0]!.config.vision_config;
  const most = image_size / patch_size - 1;
  if (grid > most)
    throw new UserError(
      `targets.grid: expected 1 to ${most}, fewer than the teacher's ${most + 1} patches a row, got ${grid}: leave it out for all of them`,
    );
  if (teachers.length > 1) throw new UserError('targets.grid: expected one teacher, got several: leave it out');
  const dropping = phases.find(({ dropPatches }) => dropPatches);
  if (dropping)
    throw new UserError(
      `targets.grid: pooled patches cannot be compared while phases.${dropping.name}.drop_patches leaves some out: set one of them alone`,
    );
}

/**
 * The tokens that a step keeps of each image: a class token, if the model has one, and patches by lot, in their order.
 *
 * Image and step decide alone, so that a resumed run and several processes draw the same.
 *
 * @param positions of the images in the run's stream of images
 * @param tokens T of an image's full grid, with the class token
 * @returns rows of all images' tokens one after another: image i's token t is i · T + t
 */
export function keptTokens(
  seed: number,
  positions: readonly number[],
  { kept, grid }: SeenPatches,
  tokens: number,
): Int32Array {
  const patches = grid[0] * grid[1];
  const first = tokens - patches; // 1 behind a class token
  const rows = new Int32Array(positions.length * (first + kept));
  let at = 0;
  for (const [i, position] of positions.entries()) {
    const lot = new Random(seed, 'patches', position).shuffle(Array.from({ length: patches }, (_, p) => p));
    if (first > 0) rows[at++] = i * tokens;
    for (const patch of lot.slice(0, kept).sort((a, b) => a - b)) rows[at++] = i * tokens + first + patch;
  }
  return rows;
}
