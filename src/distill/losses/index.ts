import type { ClipConfig } from '../../clip/index.js';
import { affinity } from './affinity-loss.js';
import { attention } from './attention-loss.js';
import { crossModal } from './cross-modal.js';
import { feature } from './feature-loss.js';
import { interactive } from './interactive-loss.js';
import type { LayerPair } from './layer-map.js';
import type { Loss, LossSettings, StoredStates } from './loss.js';
import { response } from './response-loss.js';

/**
 * All losses of a distillation, in the order in which they are added and shown. To add one: its file, and its line here.
 */
const list = [feature, response, attention, crossModal, affinity, interactive] as const;

type Listed = (typeof list)[number];
/** A loss's section of the recipe, and its name in histories. */
export type LossName = Listed['name'];
/** A recipe as far as losses go. */
export interface LossRecipe {
  readonly losses: Readonly<Record<LossName, LossSettings>>;
}

/** All losses of the distillation: recipe, flags, stored targets and reports read this list. */
export const losses: readonly Loss<LossName>[] = list;

export const lossNames = losses.map(({ name }) => name) as [LossName, ...LossName[]];

/** Each loss's section of the recipe, by name. */
export const lossSections = Object.fromEntries(losses.map(({ name, schema }) => [name, schema])) as {
  [L in Listed as L['name']]: L['schema'];
};

/** Which of the named losses are used: those that the recipe enables, with a weight. */
export function activeLosses(recipe: LossRecipe, names: readonly LossName[]): Set<LossName> {
  return new Set(names.filter((name) => recipe.losses[name].enabled && recipe.losses[name].weight > 0));
}

/** What some losses need of the teacher's stored targets, each layer once and in order. */
export function storedStates(
  active: ReadonlySet<LossName>,
  pairs: readonly LayerPair[],
  teacher: ClipConfig,
): StoredStates {
  const needs = losses.flatMap((loss) => (active.has(loss.name) ? (loss.stored?.(pairs, teacher) ?? []) : []));
  const layers = (of: 'hidden' | 'attention') =>
    [...new Set(needs.flatMap((need) => need[of] ?? []))].sort((a, b) => a - b);
  return {
    hidden: layers('hidden'),
    attention: layers('attention'),
    words: needs.some(({ words }) => words),
  };
}

/** The axis along which a matrix of the losses is split over ranks; undefined where every rank has it whole. */
export function headShardAxis(name: string): number | undefined {
  return losses.find(({ split }) => split && name in split.axes)?.split?.axes[name];
}
