import { textFeatures, textLimit } from '../model/index.js';
import type { TensorTree } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import { concat, constant, equal, l2Normalize, mul, positions, reshape, type Tensor, where } from '../tensor/index.js';
import type { Bank } from './bank.js';
import type { BankImages } from './bank-graph.js';
import { taskTextFeatures, taskTextLimit } from './task-prompts.js';

/** Blocks of a bank's embeddings: one a task, and a last one of the plain student; of a mixture one. */
export const bankBlocks = ({ tasks, routing }: Pick<Bank, 'tasks' | 'routing'>): number =>
  routing === 'mixture' ? 1 : tasks.length + 1;

/** Numbers of a bank's embedding. */
export const bankWidth = (bank: Pick<Bank, 'frozen' | 'tasks' | 'routing'>): number =>
  bankBlocks(bank) * bank.frozen.config.projection_dim;

/** By how much cosines of the wide embeddings are smaller than the student's: a text has length 1 in every block. */
export const wideFactor = (bank: Pick<Bank, 'tasks' | 'routing'>): number => Math.sqrt(bankBlocks(bank));

/** Tokens of a text that every task's tower reads. */
export const bankTextLimit = ({ frozen, tasks }: Pick<Bank, 'frozen' | 'tasks'>): number =>
  Math.min(textLimit(frozen), ...tasks.map(({ prompts }) => taskTextLimit(frozen, prompts)));

/**
 * Image embeddings [B, (T + 1) P]: the features with the prompts of the image's task stand in the block of that task, those
 * of an image of no task in the last block, and all other blocks are 0. With {@link wideTexts} an inner product is the cosine
 * of image and text as the image's task sees both: whoever compares embeddings is routed without knowing.
 */
export function wideImages(bank: Bank, { routed, task }: BankImages): Tensor {
  if (!task) return routed;
  const count = bankBlocks(bank);
  const batch = task.shape[0]!;
  const blocks = positions(constant({ shape: [count], data: new Float32Array(count) }), 0); // [T + 1]
  const own = equal(reshape(task, [batch, 1]), reshape(blocks, [1, count])); // [B, T + 1]
  const width = routed.shape[1] as number;
  const spread = mul(reshape(where(own, 1, 0), [batch, count, 1]), reshape(routed, [batch, 1, width]));
  return reshape(spread, [batch, count * width]);
}

/**
 * Text embeddings [N, (T + 1) P]: for each task the unit features with its prompts, and last those of the plain student.
 *
 * @param plain the frozen student's weights
 * @param shared the weights with which tasks' features are made
 */
export function wideTexts(bank: Bank, plain: TensorTree, shared: TensorTree, ids: Tensor, ends: Tensor): Tensor {
  const { frozen, tasks, routing } = bank;
  const own = l2Normalize(textFeatures(plain, frozen, ids, ends));
  if (routing === 'mixture') return own;
  const each = tasks.map(({ prompts }) => {
    const constants = Object.fromEntries(Object.entries(prompts).map(([name, value]) => [name, constant(value)]));
    return l2Normalize(taskTextFeatures(shared, frozen, deepPrompts(constants, 'text'), ids, ends));
  });
  return concat([...each, own], 1);
}
