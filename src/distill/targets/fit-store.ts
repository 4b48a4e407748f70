import type { ClipConfig } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { activeLosses, lossNames, storedStates } from '../losses/index.js';
import { mapLayers } from '../losses/layer-map.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import { chooseStore, storeCost } from './store-choice.js';

/** What a store of teacher targets is for. */
export interface StoreOptions {
  readonly teacher: Pick<Teacher, 'config' | 'inner'>;
  readonly student: ClipConfig;
  readonly images: number;
  /** Bytes; left out: the usual limit, which is no promise. */
  readonly limit?: number;
}

/** Largest store where none is said; bytes. */
const usual = 1e9;

/**
 * Recipe fields of a store below a limit, and why they are so.
 *
 * @param options.views no more than these
 * @throws UserError where even the smallest store is above a limit that is said
 */
export function fitStore(
  recipe: DistillRecipe,
  { teacher, student, images, limit, views: mostViews }: StoreOptions & { readonly views?: number },
): { readonly fields: Readonly<Record<string, unknown>>; readonly reason: string } {
  const { hidden, attention } = storedStates(
    activeLosses(recipe, lossNames),
    [{ student: 1, teacher: 1 }],
    teacher.config,
  );
  const all = student.vision_config.num_hidden_layers;
  const most = limit ?? usual;
  const { pairs, views, layers, bytes, bytesAView } = chooseStore(recipe, teacher, student, images, {
    ...{ bytes: most, views: mostViews },
  });
  const inner = hidden.length + attention.length > 0;
  const least = inner ? 'one view of the last layers' : 'one view';
  const less = inner
    ? '--set targets.precision=fp8, or embeddings alone (--no-feature --no-attention --no-cross-modal)'
    : '--fraction';
  if (bytes > most && limit !== undefined)
    throw new UserError(
      `--max-store: expected at least ${gigabytes(bytes)} for the teacher targets, which ${least} takes, got ${gigabytes(most)}: less takes ${less}`,
    );
  const why =
    bytes > most
      ? `${least} is the least, more than the usual ${gigabytes(most)}; less takes ${less}`
      : `as much as stays below ${gigabytes(most)} (--max-store)`;
  const what = `${views} ${views === 1 ? 'view' : 'views'}${inner ? ` of ${layers} of the ${all} mapped layers` : ''}`;
  return {
    fields: {
      views,
      ...(inner && layers < all ? { 'losses.layers': pairs.map(({ student: s, teacher: t }) => [s, t]) } : {}),
    },
    reason: `Teacher targets: ${what}, ${gigabytes(bytes)}, ${gigabytes(bytesAView)} a view: ${why}.`,
  };
}

/** @throws UserError where the views and layers of a recipe take more than the limit that is said */
export function checkStore(recipe: DistillRecipe, { teacher, student, images, limit }: StoreOptions): void {
  if (limit === undefined) return;
  const [own, others] = [student.vision_config.num_hidden_layers, teacher.config.vision_config.num_hidden_layers];
  const pairs = mapLayers(recipe.losses.layers, own, others);
  const { bytes } = storeCost(recipe, teacher, pairs, images);
  if (bytes > limit)
    throw new UserError(
      `--max-store: expected at least ${gigabytes(bytes)}, which the views and layers that are set take (--set views, --set losses.layers), got ${gigabytes(limit)}: leave out one of them`,
    );
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toPrecision(2)} GB`;
