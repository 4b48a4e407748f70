import { type ClipConfig, clipLogits, fitPixels, fullTexts, patchGrid, textTower, visionTower } from '../clip/index.js';
import { Random } from '../math/index.js';
import { headAverage } from '../nn/head-average.js';
import { type Params, param, paramFeeds, paramInputs, type TensorTree } from '../nn/index.js';
import { subset } from '../nn/subset.js';
import { encodePromptTexts, type PromptEncoderConfig, textPrompts, tokenMask, visionPrompts } from '../prompt/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';
import * as t from '../tensor/index.js';
import type { Batches } from './batches/batches.js';
import { attentionLoss, regridAttention } from './losses/attention-loss.js';
import { crossModalLoss, crossShardAxis, studentCrossMap, teacherCrossMap } from './losses/cross-modal.js';
import {
  embeddingFeature,
  type FeaturePair,
  featureLoss,
  initFeatureMap,
  regridTokens,
  standardize,
} from './losses/feature-loss.js';
import type { LayerPair } from './losses/layer-map.js';
import { responseLoss } from './losses/response-loss.js';
import type { DistillRecipe, LossName } from './recipe.js';

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
  recipe: DistillRecipe;
}

export interface PhaseOptions {
  /** Which parameters learn: those whose names start so. */
  trains: ('student/' | 'prompt/' | 'heads/')[];
  losses: readonly LossName[];
  /** Whether the student wears its prompts in this phase. */
  prompted: boolean;
  /** Steps of the phases before, so that the stream of drawings goes on. */
  firstStep: number;
  /** Over how many ranks the student's blocks, W_q and W_k are split. @defaultValue 1 */
  ranks?: number;
}

/** Which losses a phase has: named by the phase, enabled by the recipe, with a weight. */
export function activeLosses(recipe: DistillRecipe, losses: readonly LossName[]): Set<LossName> {
  return new Set(losses.filter((name) => recipe.losses[name].enabled && recipe.losses[name].weight > 0));
}

/** Fresh M and W matrices for all the losses of a recipe. `map`: M where an inherited vision tower's features start. */
export function initHeads(s: Omit<DualStream, 'heads'>, map?: HostTensor): Params {
  const { recipe, config, teacherConfig } = s;
  const heads: Params = {};
  const from = config.vision_config.hidden_size;
  const to = teacherConfig.vision_config.hidden_size;
  const random = (name: string) => new Random(recipe.seed, 'heads', name);
  for (const { student, teacher } of s.pairs) {
    const name = `feature.hidden.${student}-${teacher}`;
    heads[name] = map ? { shape: map.shape, data: map.data.slice() } : initFeatureMap(from, to, random(name));
  }
  if (recipe.losses.feature.embedding_map === 'learned') {
    for (const name of ['feature.image', 'feature.text']) {
      heads[name] = initFeatureMap(config.projection_dim, teacherConfig.projection_dim, random(name));
    }
  }
  if (!activeLosses(recipe, ['cross_modal']).has('cross_modal')) return heads;
  const { dim } = recipe.losses.cross_modal;
  const normal = (name: string, width: number) => {
    const draw = random(name);
    heads[name] = {
      shape: [width, dim],
      data: Float32Array.from({ length: width * dim }, () => draw.normal() * width ** -0.5),
    };
  };
  normal('cross.query', from);
  normal('cross.key', config.text_config.hidden_size);
  return heads;
}

/** What of W_q and W_k is split over ranks, by recipe field; nothing where they are not used. */
export function crossColumns({ heads }: DualStream): Record<string, number> {
  const columns = heads['cross.query']?.shape[1];
  return columns === undefined ? {} : { 'losses.cross_modal.dim': columns };
}

/** Losses of one step as graph, each a scalar and unweighted. */
export function buildLosses(
  s: DualStream,
  batches: Batches,
  phase: PhaseOptions,
  p: Record<'student' | 'prompt' | 'heads', TensorTree>,
) {
  const { config, teacherConfig, recipe } = s;
  const { recompute } = recipe;
  const { ranks } = phase;
  const active = activeLosses(recipe, phase.losses);
  const fed = batches.inputs(); // unused inputs never reach the program
  const target = (name: string) => param(fed, `target/${name}`);
  const pixels = fitPixels(param(fed, 'pixels'), config.vision_config.image_size);
  const ids = param(fed, 'ids'); // [N, L]
  const ends = param(fed, 'ends'); // [N]
  const [count] = batches.feeds.ids!.shape as [number, number];
  const captions = count - batches.classCount; // B, or 0

  // The student's two streams, with their prompts.
  let textSide: Tensor[] = [];
  let imageSide: Tensor[] = [];
  if (phase.prompted && s.prompt) {
    const shared =
      s.prompt.config.shared_embedding_width === undefined
        ? undefined
        : p.student['text_model.embeddings.token_embedding.weight'];
    const texts = encodePromptTexts(p.prompt, s.prompt.config, ids, ends, shared); // [N, W]
    textSide = textPrompts(p.prompt, s.prompt.config, texts);
    imageSide = visionPrompts(p.prompt, s.prompt.config, t.slice(texts, 0, captions, count)); // the classes are the task
  }
  const image = visionTower(p.student, config, pixels, { prompts: imageSide, recompute, ranks });
  const read = textSide.length > 0 ? ids : fullTexts(ids, config);
  const text = textTower(p.student, config, read, ends, { prompts: textSide, insert: true, recompute, ranks });

  const [from, to] = [patchGrid(config), patchGrid(teacherConfig)];
  const tokens = 1 + from[0] * from[1];
  const losses: Partial<Record<LossName, Tensor>> = {};
  const own = (layer: number) => regridTokens(t.slice(image.hidden[layer]!, 1, 0, tokens), from, to); // [B, T, D]

  if (active.has('feature')) {
    const shape = recipe.losses.feature.standardize ? standardize : (x: Tensor) => x;
    const pairs: FeaturePair[] = s.pairs.map(({ student, teacher }) => ({
      student: shape(own(student)),
      teacher: shape(target(`hidden.${teacher}`)),
      map: p.heads[`feature.hidden.${student}-${teacher}`],
    }));
    pairs.push({
      student: embeddingFeature(image.embed),
      teacher: embeddingFeature(target('image')),
      map: p.heads['feature.image'],
    });
    pairs.push({
      student: embeddingFeature(text.embed),
      teacher: embeddingFeature(target('text')),
      map: p.heads['feature.text'],
    });
    losses.feature = featureLoss(pairs);
  }
  if (active.has('attention')) {
    losses.attention = attentionLoss(
      s.pairs.map(({ student, teacher }) => ({
        student: regridAttention(headAverage(image.attention[student - 1]!, tokens, ranks), from, to),
        teacher: target(`attention.${teacher}`),
      })),
    );
  }
  if (active.has('cross_modal')) {
    const n = textSide[0]?.shape[1] as number | undefined;
    const last = text.hidden.at(-1)!; // [N, L (+ n), D]
    const words = n ? t.concat([t.slice(last, 1, 0, 1), t.slice(last, 1, 1 + n)], 1) : last; // [N, L, D]
    const patches = own(image.hidden.length - 1);
    const mask = tokenMask(t.slice(ends, 0, 0, captions), words); // [B, L]
    const student = studentCrossMap(
      t.slice(patches, 1, 1),
      t.slice(words, 0, 0, captions),
      mask,
      p.heads['cross.query']!,
      p.heads['cross.key']!,
      ranks,
    );
    const read = target('words');
    // Another tokenizer's tokens have no partners, but whole words do: a word has the attention of its tokens.
    const aligned = fed['align/student'] !== undefined;
    const readMask = aligned ? tokenMask(target('words_ends'), read) : mask;
    const { temperature } = recipe.losses.cross_modal;
    const teacher = teacherCrossMap(jointPatches(s, target), read, readMask, temperature);
    losses.cross_modal = aligned
      ? crossModalLoss(t.matmul(student, param(fed, 'align/student')), t.matmul(teacher, param(fed, 'align/teacher')))
      : crossModalLoss(student, teacher);
  }
  if (active.has('response')) {
    losses.response = responseLoss(
      clipLogits(image.embed, text.embed, p.student.logit_scale!),
      clipLogits(target('image'), target('text'), t.constant(s.teacher.logit_scale!)),
      [...textSide, ...imageSide],
      { ...recipe.losses.response, bothWays: recipe.losses.response.both_ways },
    );
  }
  return losses;
}

const PATCH_PARAMS = [
  'vision_model.post_layernorm.weight',
  'vision_model.post_layernorm.bias',
  'visual_projection.weight',
];

/** The teacher's patch tokens in the joint space, from its stored last layer: [B, patches, P]. */
function jointPatches(s: DualStream, target: (name: string) => Tensor): Tensor {
  const p = paramInputs(subset(s.teacher, PATCH_PARAMS), 'teacher/');
  const { num_hidden_layers: last, layer_norm_eps: eps } = s.teacherConfig.vision_config;
  const patches = t.slice(target(`hidden.${last}`), 1, 1);
  return t.linear(t.layerNorm(patches, p[PATCH_PARAMS[0]!]!, p[PATCH_PARAMS[1]!]!, eps), p[PATCH_PARAMS[2]!]!);
}

/** One rank's inputs of all parameters. @param ranks over how many the student's blocks, W_q and W_k are split */
export function tracedParams(s: DualStream, ranks: number): Record<'student' | 'prompt' | 'heads', TensorTree> {
  return {
    student: paramInputs(s.student, 'student/', ranks),
    prompt: paramInputs(s.prompt?.params ?? {}, 'prompt/'),
    heads: paramInputs(s.heads, 'heads/', ranks, crossShardAxis),
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
