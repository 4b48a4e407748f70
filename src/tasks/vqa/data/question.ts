import { createHash } from 'node:crypto';
import type { ImageTextDataset, Skipped } from '../../../data/index.js';
import { longestQuestion } from '../checked-question.js';

/** A question about an image, and what people answered. */
export interface Question {
  /** Unique within the data set. */
  readonly id: string;
  /** Id of its image. */
  readonly image: string;
  readonly question: string;
  /** Ten, as VQAv2 has them, or one where the data has one right answer; empty where it keeps them secret. */
  readonly answers: readonly string[];
  /** As the data names it: `how many`, `query`, `count`. */
  readonly type: string;
  /** `yes/no`, `number` or `other`. */
  readonly answerType: string;
}

/** Questions about the images of a data set, in splits. */
export interface VqaDataset {
  readonly name: string;
  readonly images: ImageTextDataset;
  readonly splits: Readonly<Record<string, readonly Question[]>>;
  /** Questions that are left out, and why. */
  readonly skipped: readonly Skipped[];
  /** Changes whenever images, questions or answers change. */
  readonly fingerprint: string;
}

/** @param images fingerprint of the images */
export function vqaFingerprint(images: string, splits: VqaDataset['splits']): string {
  const sum = createHash('sha256').update(images);
  for (const [split, questions] of Object.entries(splits)) sum.update(split).update(JSON.stringify(questions));
  return `vqa-${sum.digest('hex').slice(0, 16)}`;
}

/** By what was answered, as VQAv2 sorts answers. */
export function answerTypeOf(answer: string): string {
  const text = answer.toLowerCase();
  if (text === 'yes' || text === 'no') return 'yes/no';
  return /^\d+$/.test(text) ? 'number' : 'other';
}

/** Why a question cannot be used; undefined where it can. */
export function questionFault(question: string): string | undefined {
  if (question.trim() === '') return 'an empty question';
  if (question.length <= longestQuestion) return undefined;
  return `expected a question of at most ${longestQuestion} characters, got ${question.length}`;
}
