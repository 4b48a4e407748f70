import { z } from 'zod';
import type { ClipConfig, TowerResult } from '../../clip/index.js';
import type { Random } from '../../math/index.js';
import type { Params, TensorTree } from '../../nn/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import type { InnerStates } from '../teacher/teacher.js';
import type { LogitParts } from './compared-logits.js';
import type { LayerPair } from './layer-map.js';

/** The recipe fields that every loss has; its own come beside them. */
export interface LossSettings {
  readonly enabled: boolean;
  readonly weight: number;
}

/** The schema of {@link LossSettings}, for a loss's section of the recipe. @param enabled by default */
export const lossFields = (weight: number, enabled = true) => ({
  enabled: z.boolean().default(enabled),
  weight: z.number().min(0).default(weight),
});

/** What is needed of the teacher beside its embeddings: layers (which count from 1), and its text tokens. */
export interface StoredStates extends InnerStates {
  /** Token features of the captions. */
  readonly words: boolean;
}

/** What a loss cannot do without. A recipe that lacks it is refused by `checkLosses`. */
export interface LossRequirements {
  /** Captions among the step's texts. Says why, as a sentence about the loss: `it compares …`. */
  readonly captions?: string;
  /** Mapped layers (`losses.layers`). Says why, in the same form. */
  readonly mappedLayers?: string;
  /** Hidden states or attention maps of both models; with `mapped layers`, only while layers are mapped. */
  readonly innerStates?: 'always' | 'mapped layers';
}

/** The two models as a loss's own matrices depend on them. */
export interface HeadModels {
  readonly student: ClipConfig;
  readonly teacher: ClipConfig;
  readonly pairs: readonly LayerPair[];
  /** Further teachers; left out: none. */
  readonly others?: readonly OtherModel[];
  /** Losses that the first teacher gives targets for, where there are others. */
  readonly firstGives?: ReadonlySet<string>;
  /** From the student's vision width to the teacher's: where an inherited student's hidden features start. */
  readonly inheritedMap?: HostTensor;
  /** Random numbers for a matrix of this name; the same for the same seed and name. */
  random(name: string): Random;
}

/** A teacher beside the first, as losses see it. */
export interface OtherModel {
  /** Its place among the teachers, from 1. */
  readonly index: number;
  readonly config: ClipConfig;
  /** Mapped layers; none where embeddings alone are known. */
  readonly pairs: readonly LayerPair[];
  /** Losses that it gives targets for. */
  readonly gives: ReadonlySet<string>;
}

/** The same in a step. */
export interface OtherContext extends OtherModel, Pick<LossContext, 'target' | 'tokens' | 'attention'> {
  /** How each layer's features are brought to unit variance, where the recipe has it so. */
  readonly whitening?: LayerWhitening;
}

/** What stands in for a teacher's answers where there are several: see `fusedTargets`. */
export type FusedAnswers = (temperature: number, bothWays: boolean) => FusedTargets;

/** Targets as probabilities, without gradient. */
export interface FusedTargets {
  /** Over the texts of each image [B, N]. */
  readonly toTexts: Tensor;
  /** Over the images of each text [N, B], where asked for. */
  readonly toImages?: Tensor;
}

/** For teacher layers: (x − mean) · map has unit variance, [D] and [D, D]. */
export type LayerWhitening = Readonly<Record<number, { readonly mean: HostTensor; readonly map: HostTensor }>>;

/**
 * What all losses of a step are made from: B images and N texts, of which the first `captions` are the images' own and
 * the others the classes. What no loss reads never reaches the program.
 *
 * Of several processes that train together each runs the towers over its own b of the images and n of the texts; embeddings
 * are gathered from all. A loss says which of the two it is made from, {@link own} or {@link whole}.
 */
export interface LossContext {
  /** The student's vision tower over the own images: `embed` [b, P_s], hidden states, attention maps; with prompt tokens. */
  readonly image: TowerResult;
  /** The student's embeddings of all images [B, P_s] and texts [N, P_s], not normalised. */
  readonly embeds: { readonly image: Tensor; readonly text: Tensor };
  /** A loss that is a mean over the own images, as what a process adds to the sum of all. */
  own(loss: Tensor): Tensor;
  /** The same of a loss that every process computes from what is gathered. */
  whole(loss: Tensor): Tensor;
  /** Rows of the own images [b, ...] as those of all [B, ...]. */
  gathered(rows: Tensor): Tensor;
  /** The student's logarithm of the logit scale, a scalar, and its logit bias where it has one. */
  readonly logits: Pick<LogitParts, 'scale' | 'bias'>;
  /** The student's prompts in use, of both towers; none in a phase without. */
  readonly prompts: readonly Tensor[];
  /** Captions among the texts: B, or 0 where the recipe has none. */
  readonly captions: number;
  /** Those of the own images: b, or 0. They come first among the own texts. */
  readonly ownCaptions: number;
  /** Index of each own text's end token [n], int32. */
  readonly ends: Tensor;
  readonly teacher: { readonly config: ClipConfig; readonly params: Params };
  readonly pairs: readonly LayerPair[];
  /** Further teachers; empty with one. */
  readonly others: readonly OtherContext[];
  /** Losses that the first teacher gives targets for; left out: all. */
  readonly firstGives?: ReadonlySet<string>;
  /** Of the first teacher's layers, where the recipe has it so. */
  readonly whitening?: LayerWhitening;
  /** Of several teachers: their answers as one. */
  readonly fused?: FusedAnswers;
  /** Of teacher dropping: 0 where an image drops a teacher unless its loss is the largest [B, K]. */
  readonly keep?: Tensor;
  /** This loss's own matrices, and all others', by the names of {@link Loss.heads}. */
  readonly heads: TensorTree;
  /** Over how many ranks the student's blocks are split. */
  readonly ranks: number;
  /** All that a step is fed, by name. */
  readonly fed: TensorTree;
  /**
   * A stored output of the teacher: `image` [B, P_t], `text` [N, P_t]; of the own images `hidden.l` [b, T, D_t],
   * `attention.l` [b, T, T], `words` [b, L_t, P_t].
   *
   * @throws where the run does not store it: {@link Loss.stored} does not ask for it
   */
  target(name: string): Tensor;
  /** The student's image tokens after a layer, without prompts, on the teacher's patch grid [b, T, D_s]. */
  tokens(layer: number): Tensor;
  /** Its attention map of a layer, averaged over heads, without prompts, on the teacher's patch grid [b, T, T]. */
  attention(layer: number): Tensor;
  /** Its tokens of the own texts after the last layer, without prompts [n, L, D_x]. */
  words(): Tensor;
}

/**
 * One loss of the distillation. All that the rest of the program knows of it stands here: the recipe's section and phases,
 * the flag of the command line, checks, stored teacher targets, matrices, the weighted total, the report's curve and the
 * ablation bench read the list in `index.ts`.
 */
export interface Loss<
  Name extends string = string,
  Schema extends z.ZodType<LossSettings, unknown> = z.ZodType<LossSettings, unknown>,
> {
  /** Its section of the recipe under `losses`, and its name among reported losses. */
  readonly name: Name;
  /** A title, without the word loss: `Feature alignment`. */
  readonly label: string;
  /** One sentence: what it compares. */
  readonly about: string;
  /** The recipe's section: {@link lossFields} and its own, all with defaults. */
  readonly schema: Schema;
  /** The loss that it is a part of: what switches that one off on the command line switches this one off too. */
  readonly partOf?: string;
  /**
   * How its gradient is coordinated with the others': clipped to `coordination.clip` (together with all that are), scaled
   * by `coordination.gamma`, or added as it is.
   */
  readonly coordination: 'clip' | 'gamma' | 'none';
  readonly requires?: LossRequirements;
  /** Which of its matrices are split over ranks, along which axis; `field` of its section is the size of that axis. */
  readonly split?: { readonly axes: Readonly<Record<string, number>>; readonly field: string };
  /** What it reads of the teacher's stored targets beside the embeddings. */
  stored?(pairs: readonly LayerPair[], teacher: ClipConfig): Partial<StoredStates>;
  /** Its own matrices, which learn with the student, at their start. */
  heads?(models: HeadModels, settings: z.output<Schema>): Params;
  /** The loss as a scalar, unweighted: this process's share of it, see {@link LossContext.own}. */
  build(context: LossContext, settings: z.output<Schema>): Tensor;
}

/** A loss with its name and section as types. */
export function defineLoss<Name extends string, Schema extends z.ZodType<LossSettings, unknown>>(
  loss: Loss<Name, Schema>,
): Loss<Name, Schema> {
  return loss;
}

/** Whether a teacher gives targets for a loss: the first as `firstGives` says, another by its own list. */
export function givesTargets(one: Pick<LossContext, 'firstGives'> | OtherModel, loss: string): boolean {
  const gives = 'gives' in one ? one.gives : one.firstGives;
  return gives?.has(loss) ?? true;
}
