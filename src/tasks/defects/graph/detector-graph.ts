import type { TowerModel } from '../../../model/index.js';
import { modelWeights } from '../../../model/index.js';
import { type Params, param, paramFeeds, paramInputs, type TensorTree } from '../../../nn/index.js';
import {
  add,
  cast,
  constant,
  type Dim,
  div,
  greater,
  input,
  linear,
  max,
  maximum,
  minimum,
  mul,
  reshape,
  sub,
  type Tensor,
} from '../../../tensor/index.js';
import { patchTokens } from '../../patch-features.js';
import { roundedWeights } from '../../stored-weights.js';
import { type Detector, type Learned, temperature, type View } from '../detector.js';
import { spreadOf, type Threshold } from '../threshold.js';
import { memoryScores, patchDescriptors } from './memory.js';
import { resample, resampling } from './resample.js';
import { patchProbability } from './states.js';
import { asImage, channelsFirst, cutTiles, mergeTiles, type TileLayout, tileLayout } from './tiles.js';
import { windowScores } from './windows.js';

/** A detector before its limits are known. */
export type Scorer = Pick<Detector, 'model' | 'dtype' | 'view' | 'learned'>;

/** An image's tiles as the tower takes them, resized and normalised within the graph. */
export interface Tiled {
  /** RGB as decoded, uint8 [1, H, W, 3]: the graph's one input */
  readonly image: Tensor;
  /** [tiles, 3, S, S] */
  readonly pixels: Tensor;
  readonly layout: TileLayout;
}

/** Sizes may be names: then the graph takes images of any size. */
export type ImageSize = readonly [height: Dim, width: Dim];

/** @throws UserError for a side that does not fit the model's patches */
export function tiledImage({ model, view }: Pick<Detector, 'model' | 'view'>, [height, width]: ImageSize): Tiled {
  const { image_size: tile, patch_size: patch } = model.config.vision_config;
  const layout = tileLayout(view.side, tile, patch, view.overlap);
  const image = input('image', [1, height, width, 3], 'uint8');
  const colours = channelsFirst(cast(image, 'float32')); // [1, 3, H, W]
  const { side } = view;
  const resized = resample(colours, resampling(height, side, image, 1), resampling(width, side, image, 2));
  const { rescale, mean: shift, std } = model.preprocess;
  const channels = (values: readonly number[]) => constant({ shape: [1, 3, 1, 1], data: Float32Array.from(values) });
  const scaled = mul(resized, channels(std.map((deviation) => rescale / deviation)));
  const normal = sub(scaled, channels(shift.map((value, c) => value / std[c]!)));
  return { image, pixels: cutTiles(normal, layout), layout };
}

/** All weights of a scorer as they are before they are stored, by the names of the graph's inputs. */
export function scorerWeights({ model, learned }: Scorer): Params {
  return {
    ...modelWeights(model),
    ...('memory' in learned ? { 'defects.memory': learned.memory } : { 'defects.texts': learned.texts }),
    ...('adapters' in learned && learned.adapters ? paramFeeds(learned.adapters, 'defects.') : {}),
  };
}

/** The weights that a scorer computes with: the values that its exported file stores. */
export const storedValues = (scorer: Scorer): Params => roundedWeights(scorerWeights(scorer), scorer.dtype);

/** What an image scores before limits are laid on it. */
export interface Scores {
  /** Of the image [1] */
  readonly score: Tensor;
  /** Of its patches [grid, grid] */
  readonly map: Tensor;
}

/** The scores of an image in a graph. @param p the scorer's weights, as {@link scorerWeights} names them */
export function scores(p: TensorTree, { model, view, learned }: Scorer, { pixels, layout }: Tiled): Scores {
  const most = (x: Tensor) => max(reshape(x, [1, -1]), 1); // [1]
  if (learned.mode === 'zero-shot') {
    const { tiles, patches } = windowScores(p, model, pixels, param(p, 'defects.texts'), temperature);
    return { score: most(tiles), map: mergeTiles(patches, layout) };
  }
  const patches =
    learned.mode === 'few-shot'
      ? memoryScores(descriptors(p, model, view, pixels), param(p, 'defects.memory'))
      : tunedScores(p, model, view, learned, pixels);
  const map = mergeTiles(patches, layout);
  return { score: most(map), map };
}

/** What patches are remembered by [tiles, P, Σ D]. */
export function descriptors(p: TensorTree, model: TowerModel, { layers }: View, pixels: Tensor): Tensor {
  return patchDescriptors(patchTokens(p, model, pixels, { layers }).layers);
}

/**
 * How much patches look damaged by learned prompts, the mean over layers (AnomalyCLIP, Zhou et al., ICLR 2024, section 4).
 * [tiles, P]
 */
function tunedScores(
  p: TensorTree,
  model: TowerModel,
  { layers }: View,
  learned: Extract<Learned, { mode: 'tuned' }>,
  pixels: Tensor,
): Tensor {
  const { layers: tokens } = patchTokens(p, model, pixels, { layers, space: learned.adapters ? 'layer' : 'joint' });
  const joint = tokens.map((x, i) => (learned.adapters ? adapted(p, layers[i]!, x) : x));
  return layerProbability(joint, param(p, 'defects.texts'));
}

/** A layer's tokens through its linear map, into the joint space. [N, P, D] → [N, P, E] */
export const adapted = (p: TensorTree, layer: number, tokens: Tensor): Tensor =>
  linear(tokens, param(p, `defects.layer.${layer}.weight`), param(p, `defects.layer.${layer}.bias`));

/** The mean over layers of {@link patchProbability}. */
export function layerProbability(joint: readonly Tensor[], texts: Tensor): Tensor {
  const each = joint.map((x) => patchProbability(x, texts, temperature));
  return mul(each.reduce(add), 1 / each.length);
}

/** A detector's graph, from a decoded image to its answers. */
export interface DetectorGraph {
  readonly outputs: {
    /** 0 to 1, 0.5 at the threshold [1] */
    readonly pred_score: Tensor;
    /** Whether the image is defective, bool [1] */
    readonly pred_label: Tensor;
    /** The same of each pixel [1, 1, H, W] */
    readonly anomaly_map: Tensor;
    /** bool [1, 1, H, W] */
    readonly pred_mask: Tensor;
  };
  readonly weights: Params;
}

/**
 * Everything from the decoded image to the decision in one graph: resizing, normalisation, tiles, scores, their mapping and
 * the threshold. Outputs are called as anomalib's; 0.5 is the decision there, too.
 *
 * A score x becomes ½ + (x − t) / 2(t − m), cut to 0 to 1, with t the threshold and m what typical sound images score: 0 is
 * as sound as is typical, 1 as far beyond the threshold as that is before it.
 */
export function detectorGraph(detector: Detector, size: ImageSize): DetectorGraph {
  const weights = scorerWeights(detector);
  const tiled = tiledImage(detector, size);
  const { score, map } = scores(paramInputs(weights), detector, tiled);
  const { grid } = tiled.layout;
  const [rows, columns] = [resampling(grid, size[0], tiled.image, 1), resampling(grid, size[1], tiled.image, 2)];
  const predScore = mapped(score, detector.limits.image);
  const anomalyMap = mapped(resample(asImage(map), rows, columns), detector.limits.pixel);
  return {
    outputs: {
      pred_score: predScore,
      pred_label: greater(predScore, 0.5),
      anomaly_map: anomalyMap,
      pred_mask: greater(anomalyMap, 0.5),
    },
    weights,
  };
}

/** `mappedScore` in a graph. */
function mapped(x: Tensor, threshold: Threshold): Tensor {
  return minimum(maximum(add(div(sub(x, threshold.value), 2 * spreadOf(threshold)), 0.5), 0), 1);
}
