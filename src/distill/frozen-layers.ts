import type { ClipConfig } from '../clip/index.js';
import { UserError } from '../errors.js';

/** How many of each tower's first layers stand still in a phase, and with them the embeddings below. */
export interface FrozenLayers {
  readonly vision: number;
  readonly text: number;
}

const towers = ['vision', 'text'] as const;

/** Whether a parameter of the student, `student/` before its name, stands still in a phase. */
export function isFrozen(name: string, frozen: FrozenLayers): boolean {
  return towers.some((tower) => {
    if (frozen[tower] === 0 || !name.startsWith(`student/${tower}_model.`)) return false;
    const [, place, layer] = /_model\.(embeddings|pre_layrnorm|encoder\.layers\.(\d+))\./.exec(name) ?? [];
    return place !== undefined && Number(layer ?? 0) < frozen[tower];
  });
}

/** @throws UserError for more layers than a tower of the student has */
export function checkFrozenLayers(
  phases: readonly { readonly name: string; readonly frozen: FrozenLayers }[],
  config: Pick<ClipConfig, 'vision_config' | 'text_config'>,
): void {
  for (const { name, frozen } of phases) {
    for (const tower of towers) {
      const layers = config[`${tower}_config`].num_hidden_layers;
      if (frozen[tower] > layers) {
        throw new UserError(
          `phases.${name}.freeze_layers.${tower}: expected at most ${layers}, the layers of the student's ${tower} tower, got ${frozen[tower]}`,
        );
      }
    }
  }
}
