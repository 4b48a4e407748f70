import { compile, type Runnable } from '../../runtime/index.js';
import { type HostTensor, l2Normalize } from '../../tensor/index.js';
import type { Student } from '../student.js';
import type { Calibration } from './calibration.js';
import { imageGraph, pictureFeeds, studentFeeds, textFeeds, textGraph } from './student-graph.js';

const BATCH = 64;

/** Class probabilities of the calibration's pictures, [images, classes]. */
export interface Predictions {
  readonly probabilities: Float64Array;
  readonly classes: number;
}

/** Predicts the calibration's pictures with a student's weights, changed as often as wanted, by two compiled programs. */
export class Predictor {
  private constructor(
    private readonly calibration: Calibration,
    private readonly images: Runnable,
    private readonly texts: Runnable,
    private readonly batches: { readonly images: number; readonly texts: number },
  ) {}

  static async create(student: Student, calibration: Calibration): Promise<Predictor> {
    const { pixels, texts } = calibration;
    const batches = { images: Math.min(BATCH, pixels.shape[0]!), texts: Math.min(BATCH, texts.ends.length) };
    const images = await compile({ outputs: { embed: l2Normalize(imageGraph(student, batches.images).embed) } });
    const text = l2Normalize(textGraph(student, batches.texts, texts.length).tower.embed);
    return new Predictor(calibration, images, await compile({ outputs: { embed: text } }), batches);
  }

  /** Unit image embeddings [images, P]. */
  async imageEmbeds(student: Student): Promise<Float32Array> {
    const { pixels } = this.calibration;
    return embedAll(this.images, studentFeeds(student), pixels.shape[0]!, this.batches.images, (from, count) =>
      pictureFeeds(pixels, from, count),
    );
  }

  /** Unit text embeddings [classes, P]. */
  async textEmbeds(student: Student): Promise<Float32Array> {
    const { texts } = this.calibration;
    return embedAll(this.texts, studentFeeds(student), texts.ends.length, this.batches.texts, (from, count) =>
      textFeeds(texts, from, count),
    );
  }

  /** softmax(exp(logit_scale) · cosine) of each picture over the classes. */
  predict(images: Float32Array, texts: Float32Array, { checkpoint }: Student): Predictions {
    const scale = Math.exp(checkpoint.params.logit_scale!.data[0]!);
    const width = checkpoint.config.projection_dim;
    const [count, classes] = [images.length / width, texts.length / width];
    const probabilities = new Float64Array(count * classes);
    for (let i = 0; i < count; i++) {
      const row = probabilities.subarray(i * classes, (i + 1) * classes);
      for (let c = 0; c < classes; c++) {
        let sum = 0;
        for (let k = 0; k < width; k++) sum += images[i * width + k]! * texts[c * width + k]!;
        row[c] = scale * sum;
      }
      const highest = row.reduce((a, b) => Math.max(a, b));
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
      for (let c = 0; c < classes; c++) row[c] = Math.exp(row[c]! - highest) / total;
    }
    return { probabilities, classes };
  }

  async dispose(): Promise<void> {
    await Promise.all([this.images.dispose(), this.texts.dispose()]);
  }
}

/** Embeddings of `total` things, a batch at a time; the last batch reaches back where it would not be full. */
async function embedAll(
  program: Runnable,
  weights: Readonly<Record<string, HostTensor>>,
  total: number,
  batch: number,
  part: (from: number, count: number) => Record<string, HostTensor>,
): Promise<Float32Array> {
  let all: Float32Array | undefined;
  for (let start = 0; start < total; start += batch) {
    const from = Math.min(start, total - batch);
    const { data } = (await program.run({ ...weights, ...part(from, batch) })).embed!;
    const width = data.length / batch;
    all ??= new Float32Array(total * width);
    all.set(data as Float32Array, from * width);
  }
  return all!;
}

/** Mean over the pictures of KL(p ‖ q), in nats. */
export function meanKl(p: Predictions, q: Predictions): number {
  let sum = 0;
  for (const [i, share] of p.probabilities.entries()) {
    if (share > 0) sum += share * Math.log(share / Math.max(q.probabilities[i]!, 1e-300));
  }
  return sum / (p.probabilities.length / p.classes);
}

/** The likeliest class of each picture. */
export function answers({ probabilities, classes }: Predictions): number[] {
  return Array.from({ length: probabilities.length / classes }, (_, i) => {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}

/** Share of equal answers, or of right ones. */
export function agreement(a: readonly number[], b: readonly number[]): number {
  return a.filter((answer, i) => answer === b[i]).length / a.length;
}
