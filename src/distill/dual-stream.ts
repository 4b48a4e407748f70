import {
  type ClipConfig,
  fitPixels,
  fullTexts,
  isSiglip,
  patchGrid,
  textTower,
  tokenTable,
  visionTower,
} from '../clip/index.js';
import { Random } from '../math/index.js';
import { headAverage, type Params, param, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { encodePromptTexts, type PromptEncoderConfig, textPrompts, visionPrompts } from '../prompt/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Batches } from './batches/batches.js';
import type { FrozenLayers } from './frozen-layers.js';
import { activeLosses, headShardAxis, type LossName, losses, lossNames } from './losses/index.js';
import type { LayerPair } from './losses/layer-map.js';
import type { LayerWhitening, LossContext } from './losses/loss.js';
import { poolAttention, poolTokens } from './losses/pool-patches.js';
import { type Grid, keepMap, regridAttention, regridTokens } from './losses/regrid.js';
import { type PhasePatches, seenPatches } from './phase-patches.js';
import type { DistillRecipe } from './recipe.js';
import { type SeveralStream, severalContext } from './teachers/several-stream.js';

/** Everything that is trained, or stands still, in one distillation; arrays are shared by all phases. */
export interface DualStream {
  student: Params;
  config: ClipConfig;
  teacher: Params;
  teacherConfig: ClipConfig;
  /** The prompt encoder, and its shape; left out: no prompts. */
  prompt?: { params: Params; config: PromptEncoderConfig };
  /** The losses' own matrices: M of each feature pair, W_q and W_k. */
  heads: Params;
  pairs: LayerPair[];
  /** Further teachers; left out: the one above alone. */
  several?: SeveralStream;
  /** How each teacher's layer features are brought to unit variance, where the recipe has it so. */
  whitening?: readonly LayerWhitening[];
  recipe: DistillRecipe;
}

export interface PhaseOptions extends PhasePatches {
  /** Which parameters learn: those whose names start so. */
  trains: ('student/' | 'prompt/' | 'heads/')[];
  losses: readonly LossName[];
  /** Layers that do not learn in spite of `trains`. */
  frozen: FrozenLayers;
  /** Whether the student wears its prompts in this phase. */
  prompted: boolean;
  /** Steps of the phases before, so that the stream of images goes on. */
  firstStep: number;
  /** Over how many ranks the student's blocks, W_q and W_k are split. @defaultValue 1 */
  ranks?: number;
}

/** Fresh matrices for all the losses of a recipe. `map`: M where an inherited vision tower's features start. */
export function initHeads(
  s: Omit<DualStream, 'heads' | 'several' | 'whitening'> & { several?: Pick<SeveralStream, 'others' | 'firstGives'> },
  map?: HostTensor,
): Params {
  const { recipe, config: student, teacherConfig: teacher, pairs } = s;
  const { others, firstGives } = s.several ?? {};
  const random = (name: string) => new Random(recipe.seed, 'heads', name);
  const active = activeLosses(recipe, lossNames);
  return Object.assign(
    {},
    ...losses
      .filter(({ name }) => active.has(name))
      .map((loss) =>
        loss.heads?.(
          { student, teacher, pairs, others, firstGives, inheritedMap: map, random },
          recipe.losses[loss.name],
        ),
      ),
  );
}

/** What of the losses' matrices is split over ranks, by recipe field; nothing where they are not used. */
export function splitSizes({ heads }: DualStream): Record<string, number> {
  return Object.fromEntries(
    losses.flatMap(({ name, split }) => {
      const [head, axis] = Object.entries(split?.axes ?? {})[0] ?? [];
      const size = head === undefined || axis === undefined ? undefined : heads[head]?.shape[axis];
      return size === undefined ? [] : [[`losses.${name}.${split?.field}`, size]];
    }),
  );
}

/** Losses of one step as graph, each a scalar and unweighted. */
export function buildLosses(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  p: Record<'student' | 'prompt' | 'heads', TensorTree>,
): Partial<Record<LossName, Tensor>> {
  const active = activeLosses(s.recipe, phase.losses);
  const context = lossContext(s, batches, phase, p);
  const used = losses.filter(({ name }) => active.has(name));
  return Object.fromEntries(used.map((loss) => [loss.name, loss.build(context, s.recipe.losses[loss.name])]));
}

/** What the losses are made from: the student's two streams, with their prompts, and the teacher's targets. */
function lossContext(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  p: Record<'student' | 'prompt' | 'heads', TensorTree>,
): LossContext {
  const { config, teacherConfig } = s;
  const { recompute } = s.recipe;
  const { ranks = 1 } = phase;
  const fed = batches.inputs(); // unused inputs never reach the program
  const { size, grid: from } = seenPatches(phase, config.vision_config);
  const pixels = fitPixels(param(fed, 'pixels'), size);
  const ids = param(fed, 'ids'); // [n, L]
  const ends = param(fed, 'ends'); // [n]
  const { share, captions, textCount, textBlocks } = batches;

  let textSide: Tensor[] = [];
  let imageSide: Tensor[] = [];
  if (phase.prompted && s.prompt) {
    const shared = s.prompt.config.shared_embedding_width === undefined ? undefined : p.student[tokenTable];
    // Of all texts: image prompts come from all classes, and the penalty is over all prompts.
    const texts = share.gather(encodePromptTexts(p.prompt, s.prompt.config, ids, ends, shared), textBlocks); // [N, W]
    textSide = textPrompts(p.prompt, s.prompt.config, texts);
    imageSide = visionPrompts(p.prompt, s.prompt.config, t.slice(texts, 0, captions, textCount)); // the classes are the task
  }
  const kept = keptInput(config, batches, phase);
  const image = visionTower(p.student, config, pixels, {
    ...{ size, prompts: imageSide, recompute, ranks },
    pick: kept && ((every) => t.gatherTokens(every, kept)),
  });
  const read = textSide.length > 0 ? ids : fullTexts(ids, config);
  const worn = textSide.map((prompts) => share.ownRows(prompts, textBlocks));
  const text = textTower(p.student, config, read, ends, { prompts: worn, insert: true, recompute, ranks });

  const to = patchGrid(teacherConfig);
  const side = s.recipe.targets.grid;
  const pooled = side === undefined ? to : ([side, side] as const);
  const tokens = (kept?.shape[1] as number | undefined) ?? 1 + from[0] * from[1];
  const ownTokens = (layer: number) => t.slice(image.hidden[layer]!, 1, 0, tokens);
  const ownAttention = (layer: number) => headAverage(image.attention[layer - 1]!, tokens, ranks);
  return {
    ...{ image, captions, ends, fed, ranks, heads: p.heads, pairs: s.pairs },
    embeds: { image: share.gather(image.embed), text: share.gather(text.embed, textBlocks) },
    own: (loss) => share.own(loss),
    whole: (loss) => share.whole(loss),
    gathered: (rows) => share.gather(rows),
    ownCaptions: captions > 0 ? share.images.count : 0,
    ...severalContext(s.several, s.whitening, fed, from, { tokens: ownTokens, attention: ownAttention }),
    logits: { scale: param(p.student, 'logit_scale'), bias: p.student.logit_bias },
    prompts: [...textSide, ...imageSide],
    teacher: { config: teacherConfig, params: s.teacher },
    target: (name) => keptTarget(name, param(fed, `target/${name}`), from, to, kept),
    // Kept tokens stand on no whole grid: the teacher's come to them, not they to the teacher's.
    tokens: (layer) => (kept ? ownTokens(layer) : poolTokens(regridTokens(ownTokens(layer), from, to), to, pooled)),
    attention: (layer) =>
      kept ? ownAttention(layer) : poolAttention(regridAttention(ownAttention(layer), from, to), to, pooled),
    words: () => {
      const n = textSide[0]?.shape[1] as number | undefined;
      const last = text.hidden.at(-1)!; // [n, L (+ prompts), D]
      return n ? t.concat([t.slice(last, 1, 0, 1), t.slice(last, 1, 1 + n)], 1) : last;
    },
  };
}

/** Which tokens of the own images a phase keeps [b, K], as a step is fed them; undefined where it keeps all. */
function keptInput(config: ClipConfig, { share }: Batches, phase: PhaseOptions): Tensor | undefined {
  if (!phase.dropPatches) return undefined;
  const { kept } = seenPatches(phase, config.vision_config);
  return t.input('kept', [share.images.count, kept + (isSiglip(config) ? 0 : 1)], 'int32');
}

/** A stored output of the teacher for the tokens that are kept: layers and maps, on the student's grid. */
function keptTarget(name: string, target: Tensor, from: Grid, to: Grid, kept: Tensor | undefined): Tensor {
  if (!kept) return target;
  if (name.startsWith('hidden.')) return t.gatherTokens(regridTokens(target, to, from), kept);
  return name.startsWith('attention.') ? keepMap(regridAttention(target, to, from), kept) : target;
}

/** One rank's inputs of all parameters. @param ranks over how many the student's blocks, W_q and W_k are split */
export function tracedParams(s: DualStream, ranks: number): Record<'student' | 'prompt' | 'heads', TensorTree> {
  return {
    student: paramInputs(s.student, 'student/', ranks),
    prompt: paramInputs(s.prompt?.params ?? {}, 'prompt/'),
    heads: paramInputs(s.heads, 'heads/', ranks, headShardAxis),
  };
}

/** All parameters under the names that the task and the program use. */
export function allParams(s: DualStream): Params {
  return {
    ...paramFeeds(s.student, 'student/'),
    ...paramFeeds(s.prompt?.params ?? {}, 'prompt/'),
    ...paramFeeds(s.heads, 'heads/'),
  };
}
