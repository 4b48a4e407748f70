import { z } from 'zod';
import type { Random } from '../../math/index.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { defineLoss, lossFields } from './loss.js';

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
      /** Hidden features are brought to mean 0 and variance 1 a token before they are compared. */
      standardize: z.boolean().default(true),
      /** Whether M of the final embeddings is learned, or stays the identity (needs equal joint spaces). */
      embedding_map: z.enum(['learned', 'identity']).default('learned'),
    })
    .prefault({}),
  coordination: 'clip',
  requires: { innerStates: 'mapped layers' },
  stored: (pairs) => ({ hidden: pairs.map(({ teacher }) => teacher) }),
  heads({ student, teacher, pairs, inheritedMap, random }, { embedding_map }) {
    const fresh = (name: string, from: number, to: number) => [name, initFeatureMap(from, to, random(name))] as const;
    const hidden = pairs.map((pair) => {
      const name = `feature.hidden.${pair.student}-${pair.teacher}`;
      return inheritedMap
        ? ([name, { shape: inheritedMap.shape, data: inheritedMap.data.slice() }] as const)
        : fresh(name, student.vision_config.hidden_size, teacher.vision_config.hidden_size);
    });
    const embeddings = embedding_map === 'learned' ? ['feature.image', 'feature.text'] : [];
    return Object.fromEntries([
      ...hidden,
      ...embeddings.map((name) => fresh(name, student.projection_dim, teacher.projection_dim)),
    ]);
  },
  build({ embeds, own, whole, pairs, heads, tokens, target }, settings) {
    const shape = settings.standardize ? standardize : (x: Tensor) => x;
    return featureLoss([
      ...pairs.map(({ student, teacher }) => ({
        student: shape(tokens(student)),
        teacher: shape(target(`hidden.${teacher}`)),
        map: heads[`feature.hidden.${student}-${teacher}`],
        share: own,
      })),
      {
        student: embeddingFeature(embeds.image),
        teacher: embeddingFeature(target('image')),
        map: heads['feature.image'],
        share: whole,
      },
      {
        student: embeddingFeature(embeds.text),
        teacher: embeddingFeature(target('text')),
        map: heads['feature.text'],
        share: whole,
      },
    ]);
  },
});

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
}

/**
 * ‖F_s M − F_t‖² / elements of one pair. No gradient goes into F_t.
 *
 * @returns scalar
 */
export function featureDistance({ student, teacher, map }: FeaturePair): Tensor {
  const mapped = map ? t.matmul(student, map, { full: true }) : student; // [..., D_t]
  return t.mean(t.square(t.sub(mapped, t.stopGradient(teacher))));
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

/** The feature loss: the mean of ‖F_s M − F_t‖² / elements over all pairs. */
export function featureLoss(pairs: readonly FeaturePair[]): Tensor {
  if (pairs.length === 0) throw new RangeError('featureLoss: expected at least one pair, got none');
  const total = pairs
    .map((pair) => pair.share?.(featureDistance(pair)) ?? featureDistance(pair))
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
