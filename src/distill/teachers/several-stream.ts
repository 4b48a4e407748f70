import { patchGrid } from '../../clip/index.js';
import type { Params, TensorTree } from '../../nn/index.js';
import { param } from '../../nn/index.js';
import type { Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { fusedTargets } from '../losses/fused-answers.js';
import type { FusedAnswers, LayerWhitening, LossContext, OtherContext, OtherModel } from '../losses/loss.js';
import { type Grid, regridAttention, regridTokens } from '../losses/regrid.js';

/** Further teachers as a task's graph sees them. */
export interface SeveralStream {
  readonly others: readonly OtherModel[];
  /** Losses that the first gives targets for. */
  readonly firstGives: ReadonlySet<string>;
  /** Teachers that answer, with their logit scale and temperature; known: whether they have a mask. */
  readonly responders: readonly {
    readonly index: number;
    readonly scale: Params[string];
    readonly temperature: number;
    readonly known: boolean;
  }[];
  readonly isAdaptive: boolean;
}

/** The teachers' answers as one target. @param fed what a step is fed, by name */
export function fusedAnswers({ responders, isAdaptive }: SeveralStream, fed: (name: string) => Tensor): FusedAnswers {
  const name = (index: number, what: string) => fed(index === 0 ? `target/${what}` : `target/${index}.${what}`);
  return (temperature, bothWays) =>
    fusedTargets(
      {
        teachers: responders.map(({ index, scale, temperature: own, known }, i) => ({
          image: name(index, 'image'),
          text: name(index, 'text'),
          scale: t.constant(scale!),
          temperature: own,
          known: known ? fed(`fusion/known.${i}`) : undefined,
        })),
        weights: fed('fusion/weights'),
        columns: fed('fusion/columns'),
        labels: isAdaptive ? fed('fusion/labels') : undefined,
        isAdaptive,
      },
      temperature,
      bothWays,
    );
}

/**
 * What losses are made from beside the first teacher's targets.
 *
 * @param whitening by teacher, where the recipe whitens features
 * @param fed inputs of the step
 * @param own the student's tokens after a layer and its attention maps, on its own grid
 */
export function severalContext(
  several: SeveralStream | undefined,
  whitening: readonly LayerWhitening[] | undefined,
  fed: TensorTree,
  from: Grid,
  own: { readonly tokens: (layer: number) => Tensor; readonly attention: (layer: number) => Tensor },
): Pick<LossContext, 'others' | 'firstGives' | 'whitening' | 'fused' | 'keep'> {
  if (!several) return { others: [], whitening: whitening?.[0] };
  const others = several.others.map((one): OtherContext => {
    const to = patchGrid(one.config);
    return {
      ...one,
      whitening: whitening?.[one.index],
      target: (name) => param(fed, `target/${one.index}.${name}`),
      tokens: (layer) => regridTokens(own.tokens(layer), from, to),
      attention: (layer) => regridAttention(own.attention(layer), from, to),
    };
  });
  return {
    others,
    firstGives: several.firstGives,
    whitening: whitening?.[0],
    fused: fusedAnswers(several, (name) => param(fed, name)),
    keep: fed['fusion/keep'],
  };
}
