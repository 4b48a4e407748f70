import { expect, it } from 'vitest';
import { compile } from '../../runtime/program.js';
import * as t from '../../tensor/index.js';
import { droppedFeatureLoss, featureDistance, type TeacherFeatures } from './feature-loss.js';

const constant = (shape: number[], ...data: number[]) => t.constant({ shape, data: Float32Array.from(data) });
async function value(x: t.Tensor): Promise<number> {
  const program = await compile({ outputs: { x } }, { threads: 1 });
  const [found] = (await program.run({})).x!.data;
  await program.dispose();
  return found!;
}

it('cosine: 0.9 (1 − cosine) + 0.1 smooth L1, the mean over tokens', async () => {
  const student = constant([2, 2], 3, 4, 0, 1);
  const teacher = constant([2, 2], 3, 4.5, 2, 0);
  const cosine = (9 + 18) / (5 * Math.hypot(3, 4.5));
  const first = 0.9 * (1 - cosine) + 0.1 * ((0 + 0.5 ** 2 / 2) / 2);
  const second = 0.9 * 1 + 0.1 * ((1.5 + 0.5) / 2);
  expect(await value(featureDistance({ student, teacher }, 'cosine'))).toBeCloseTo((first + second) / 2, 6);
});

it('dropping: an image keeps the teacher with the largest loss, and each other one where it is told to', async () => {
  /** Squared distances of two images, and of one text. */
  const features = (image1: number, image2: number, text: number): TeacherFeatures => ({
    images: [{ student: constant([2, 1], 0, 0), teacher: constant([2, 1], Math.sqrt(image1), Math.sqrt(image2)) }],
    texts: { student: constant([1, 1], 0), teacher: constant([1, 1], Math.sqrt(text)) },
  });
  const teachers = [features(4, 1, 2), features(3, 9, 6)];
  const loss = (...keep: number[]) => value(droppedFeatureLoss(teachers, constant([2, 2], ...keep), 'mse'));
  // (mean of the losses that count + mean of the texts') / 2
  expect(await loss(0, 0, 0, 0)).toBeCloseTo(((4 + 9) / 2 + 4) / 2, 5);
  expect(await loss(0, 1, 0, 0)).toBeCloseTo(((4 + 3 + 9) / 3 + 4) / 2, 5);
  expect(await loss(1, 1, 1, 1)).toBeCloseTo(((4 + 3 + 1 + 9) / 4 + 4) / 2, 5);
});
