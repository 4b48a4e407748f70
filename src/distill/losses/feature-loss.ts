import { z } from 'zod';
import type { Random } from '../../math/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { defineLoss, givesTargets, type LayerWhitening, type LossContext, lossFields } from './loss.js';

/**
 * Feature alignment: mapped layers' tokens of the vision tower, and the final embeddings of images and texts, after a
 * learned matrix M between the widths: see {@link featureLoss}.
 */
export const feature = defineLoss({
  name: 'feature',
  label: 'Feature alignment',
  about: 'Distance of mapped layers and final embeddings, after the learnable M.',
  schema: z
    .object({
      ...lossFields(1),
      /**
       * Hidden features are brought to mean 0 and variance 1 before they are compared: each token by itself, or the teacher's
       * over the training images, channel by channel or by PHI-S (see `whitenings`), and the student's by token. Final
       * embeddings are compared by their directions, so that M of them stays linear and can be exported.
       */
      standardize: z.union([z.boolean(), z.enum(['channel', 'phi-s'])]).default(true),
      /** The mean square, or 0.9 (1 − cosine) + 0.1 smooth L1 of each token (Theia, arXiv 2407.20179). */
      distance: z.enum(['mse', 'cosine']).default('mse'),
      /** Whether M of the final embeddings is learned, or stays the identity (needs equal joint spaces). */
      embedding_map: z.enum(['learned', 'identity']).default('learned'),
    })
    .prefault({}),
  coordination: 'clip',
  requires: { innerStates: 'mapped layers' },
  stored: (pairs) => ({ hidden: pairs.map(({ teacher }) => teacher) }),
  heads({ student, teacher, pairs, inheritedMap, random, others = [], firstGives }, { embedding_map }) {
    const fresh = (name: string, from: number, to: number) => [name, initFeatureMap(from, to, random(name))] as const;
    const hidden = pairs.map((pair) => {
      const name = `feature.hidden.${pair.student}-${pair.teacher}`;
      return inheritedMap
        ? ([name, { shape: inheritedMap.shape, data: inheritedMap.data.slice() }] as const)
        : fresh(name, student.vision_config.hidden_size, teacher.vision_config.hidden_size);
    });
    const embeddings = embedding_map === 'learned' ? ['image', 'text'] : [];
    const maps = embeddings.map((what) => fresh(`feature.${what}`, student.projection_dim, teacher.projection_dim));
    // Each further teacher has heads of its own, and its embeddings always: their joint space is no other's.
    const further = others
      .filter((one) => givesTargets(one, 'feature'))
      .flatMap(({ index, config, pairs: own }) => [
        ...own.map((pair) =>
          fresh(
            `feature.${index}.hidden.${pair.student}-${pair.teacher}`,
            student.vision_config.hidden_size,
            config.vision_config.hidden_size,
          ),
        ),
        ...['image', 'text'].map((what) =>
          fresh(`feature.${index}.${what}`, student.projection_dim, config.projection_dim),
        ),
      ]);
    return Object.fromEntries([...(givesTargets({ firstGives }, 'feature') ? [...hidden, ...maps] : []), ...further]);
  },
  build(context, settings) {
    const { others, keep } = context;
    const first = { ...context, prefix: 'feature.' };
    if (others.length === 0) return featureLoss(allPairs(teacherFeatures(context, first, settings)), settings.distance);
    const given = [first, ...others.map((one) => ({ ...one, prefix: `feature.${one.index}.` }))];
    const giving = given.filter((one) => givesTargets(one, 'feature'));
    const features = giving.map((one) => teacherFeatures(context, one, settings));
    if (!keep) return meanOf(features.map((own) => featureLoss(allPairs(own), settings.distance)));
    const columns = giving.map((one) => given.indexOf(one));
    const kept = t.concat(
      columns.map((k) => t.slice(keep, 1, k, k + 1)),
      1,
    );
    return context.whole(droppedFeatureLoss(features, kept, settings.distance));
  },
});

interface FeatureSettings {
  readonly standardize: boolean | 'channel' | 'phi-s';
  readonly distance: 'mse' | 'cosine';
}

/** One teacher's features beside the student's: of the images, hidden layers and then the embedding, and of the texts. */
export interface TeacherFeatures {
  readonly images: readonly FeaturePair[];
  readonly texts: FeaturePair;
}

const allPairs = ({ images, texts }: TeacherFeatures) => [...images, texts];
const meanOf = (parts: readonly Tensor[]) =>
  t.mul(
    parts.reduce((a, b) => t.add(a, b)),
    1 / parts.length,
  );

type OneTeacher = Pick<LossContext, 'pairs' | 'tokens' | 'target' | 'whitening'> & { readonly prefix: string };

function teacherFeatures(
  { embeds, own: ofOwn, whole, gathered, heads }: LossContext,
  { pairs, tokens, target, whitening, prefix }: OneTeacher,
  settings: FeatureSettings,
): TeacherFeatures {
  const shape = settings.standardize === false ? (x: Tensor) => x : standardize;
  const embedding = (own: Tensor, name: 'image' | 'text') => ({
    student: embeddingFeature(own),
    teacher: embeddingFeature(target(name)),
    map: heads[`${prefix}${name}`],
    share: whole,
  });
  const hidden = pairs.map(({ student, teacher }) => ({
    student: shape(tokens(student)),
    teacher: whitening
      ? whitened(target(`hidden.${teacher}`), whitening[teacher]!)
      : shape(target(`hidden.${teacher}`)),
    map: heads[`${prefix}hidden.${student}-${teacher}`],
    share: ofOwn,
    gathered,
  }));
  return { images: [...hidden, embedding(embeds.image, 'image')], texts: embedding(embeds.text, 'text') };
}

/** (x − mean) · map of features [..., D]; a map [D] is one factor a channel. */
function whitened(x: Tensor, { mean, map }: LayerWhitening[number]): Tensor {
  const centred = t.sub(x, t.constant(mean));
  return map.shape.length === 1
    ? t.mul(centred, t.constant(map))
    : t.matmul(centred, t.constant(map as HostTensor<Float32Array>), { full: true });
}

/**
 * UNIC's teacher dropping (arXiv 2408.05088, section 3.3): of each image the teacher whose loss is largest counts, and each other
 * one where `keep` is 1; the losses that count are averaged over the batch. Texts are of no image: theirs always count.
 *
 * @param keep [B, K], 0 or 1
 */
export function droppedFeatureLoss(
  teachers: readonly TeacherFeatures[],
  keep: Tensor,
  distance: FeatureSettings['distance'],
): Tensor {
  const images = t.concat(
    teachers.map((own) => t.reshape(meanOf(own.images.map((pair) => imageDistances(pair, distance))), [-1, 1])),
    1,
  ); // [B, K]
  const columns = teachers.map((_, k) => t.slice(images, 1, k, k + 1));
  const largest = columns.reduce((a, b) => t.maximum(a, b)); // [B, 1]
  const isLargest = t.sub(1, t.cast(t.greater(largest, images), 'float32'));
  const counts = t.stopGradient(t.maximum(keep, isLargest));
  const seen = t.div(t.sum(t.mul(images, counts)), t.sum(counts));
  const read = meanOf(teachers.map(({ texts }) => featureDistance(texts, distance)));
  const parts = teachers.reduce((sum, own) => sum + own.images.length, 0) / teachers.length;
  return t.mul(t.add(t.mul(seen, parts), read), 1 / (parts + 1));
}

/**
 * Features of one token with mean 0 and variance 1: (x − mean) / √(variance + 1e-5) over the last axis.
 *
 * Deep layers of a residual stream are many times larger than early ones; without this the deepest pair
 * would be the whole loss.
 */
export function standardize(x: Tensor): Tensor {
  const width = x.shape[x.shape.length - 1] as number;
  const ones = { shape: [width], data: new Float32Array(width).fill(1) };
  const zeros = { shape: [width], data: new Float32Array(width) };
  return t.layerNorm(x, t.constant(ones), t.constant(zeros), 1e-5);
}

/** One student feature, what it should be, and the matrix between their widths. */
export interface FeaturePair {
  student: Tensor; // [..., D_s]
  teacher: Tensor; // [..., D_t], same leading dims
  map?: Tensor; // M [D_s, D_t]; left out: the identity, between equal widths
  /** What of its distance is a process's own. @defaultValue all of it */
  share?: (distance: Tensor) => Tensor;
  /** Brings together the rows of all processes' images. @defaultValue they are of all */
  gathered?: (rows: Tensor) => Tensor;
}

/**
 * ‖F_s M − F_t‖² / elements of one pair, or 0.9 (1 − cosine) + 0.1 smooth L1. No gradient goes into F_t.
 *
 * @returns scalar
 */
export function featureDistance(pair: FeaturePair, distance: FeatureSettings['distance'] = 'mse'): Tensor {
  return t.mean(distances(pair, distance));
}

/** The same of each image [B]. */
function imageDistances(pair: FeaturePair, distance: FeatureSettings['distance']): Tensor {
  const each = distances(pair, distance);
  const rows = t.mean(
    each,
    each.shape.slice(1).map((_, i) => i + 1),
  );
  return pair.gathered?.(rows) ?? rows;
}

/** What a distance is the mean of: squares of elements [..., D], or distances of tokens [..., 1]. */
function distances({ student, teacher, map }: FeaturePair, distance: FeatureSettings['distance']): Tensor {
  const mapped = map ? t.matmul(student, map, { full: true }) : student; // [..., D_t]
  const wanted = t.stopGradient(teacher);
  const apart = t.sub(mapped, wanted);
  if (distance === 'mse') return t.square(apart);
  const cosine = t.sum(t.mul(t.l2Normalize(mapped), t.l2Normalize(wanted)), [-1], true); // [..., 1]
  const length = t.abs(apart);
  const near = t.minimum(length, 1);
  // Smooth L1 with β = 1: d² / 2 below 1, and |d| − 1/2 above.
  const smooth = t.mean(t.mul(near, t.sub(length, t.mul(near, 0.5))), [-1], true);
  return t.add(t.mul(t.sub(1, cosine), 0.9), t.mul(smooth, 0.1));
}

/**
 * Final embeddings as features: √P · e / ‖e‖. Only their direction counts in CLIP, and with elements of variance 1
 * they weigh as much as a standardised hidden feature.
 *
 * @param embed [B, P]
 */
export function embeddingFeature(embed: Tensor): Tensor {
  return t.mul(t.l2Normalize(embed), Math.sqrt(embed.shape[1] as number));
}

/** The feature loss: the mean of {@link featureDistance} over all pairs. */
export function featureLoss(pairs: readonly FeaturePair[], distance: FeatureSettings['distance'] = 'mse'): Tensor {
  if (pairs.length === 0) throw new RangeError('featureLoss: expected at least one pair, got none');
  const total = pairs
    .map((pair) => pair.share?.(featureDistance(pair, distance)) ?? featureDistance(pair, distance))
    .reduce((a, b) => t.add(a, b));
  return t.mul(total, 1 / pairs.length);
}

/** A fresh M [from, to]: the identity between equal widths, and otherwise normal with variance 1 / from. */
export function initFeatureMap(from: number, to: number, random: Random): HostTensor {
  const data = new Float32Array(from * to);
  if (from === to) for (let i = 0; i < from; i++) data[i * to + i] = 1;
  else for (let i = 0; i < data.length; i++) data[i] = random.normal() / Math.sqrt(from);
  return { shape: [from, to], data };
}
