import type { ClipConfig } from '../../clip/index.js';
import { activeLosses, lossNames, storedStates } from '../losses/index.js';
import { type LayerPair, mapLayers } from '../losses/layer-map.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { targetContents } from './extract-targets.js';
import { TargetLayout } from './target-layout.js';

/** How large a store of the teacher's targets is. */
export interface StoreCost {
  readonly views: number;
  /** Student layers whose teacher layers are kept. */
  readonly layers: number;
  /** Of one view of all images, and of all views. */
  readonly bytesAView: number;
  readonly bytes: number;
}

/** Bytes of the stored teacher targets of so many images, for the losses of a recipe. @param pairs mapped layers */
export function storeCost(
  recipe: Pick<DistillRecipe, 'losses' | 'views' | 'targets'>,
  teacher: Pick<Teacher, 'config' | 'inner'>,
  pairs: readonly LayerPair[],
  images: number,
): StoreCost {
  const { hidden, attention } = storedStates(activeLosses(recipe, lossNames), pairs, teacher.config);
  const layout = new TargetLayout(
    targetContents({ teacher: teacher as Teacher, hidden, attention, ...recipe.targets }),
  );
  const bytesAView = layout.bytes * images;
  return { views: recipe.views, layers: pairs.length, bytesAView, bytes: recipe.views * bytesAView };
}

/** Views beyond these change little, and so they are given up first. */
const mostViews = 8;

/**
 * Views and mapped layers of a store that stays below a size: of all pairs that do, the one with the largest product, and
 * of equal ones the one with more views. The smallest, one view of the last layers, where none does.
 */
export function chooseStore(
  recipe: Pick<DistillRecipe, 'losses' | 'views' | 'targets'>,
  teacher: Pick<Teacher, 'config' | 'inner'>,
  student: ClipConfig,
  images: number,
  atMost: { readonly bytes: number; readonly views?: number },
): StoreCost & { readonly pairs: readonly LayerPair[] } {
  const all = student.vision_config.num_hidden_layers;
  const choices = Array.from({ length: all }, (_, i) => {
    const pairs = evenPairs(i + 1, all, teacher.config.vision_config.num_hidden_layers);
    const { bytesAView } = storeCost({ ...recipe, views: 1 }, teacher, pairs, images);
    const views = Math.min(atMost.views ?? mostViews, Math.floor(atMost.bytes / bytesAView));
    return { pairs, views, layers: pairs.length, bytesAView, bytes: views * bytesAView };
  }).filter(({ views, layers }) => views > 0 || layers === 1);
  const worth = ({ views, layers }: { views: number; layers: number }) =>
    views * layers + views / (mostViews * all + 1);
  const best = choices.reduce((a, b) => (worth(b) > worth(a) ? b : a));
  const views = Math.max(1, best.views);
  return { ...best, views, bytes: views * best.bytesAView };
}

/** So many pairs, evenly over the depth, the last layers always among them. */
function evenPairs(count: number, studentLayers: number, teacherLayers: number): LayerPair[] {
  const every = mapLayers('even', studentLayers, teacherLayers);
  return Array.from({ length: count }, (_, i) => every[Math.round(((i + 1) * studentLayers) / count) - 1]!);
}
