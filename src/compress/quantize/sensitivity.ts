import { dequantize, type Scheme, storedBytes } from '../../quantization/index.js';
import { ENCODER } from '../graphs.js';
import type { Student } from '../student.js';
import { weightsOf, withWeights } from './mixture.js';
import type { Moments } from './moments.js';
import { meanKl, type Predictor } from './predictor.js';
import { type LocalRounding, quantizeWeight } from './quantize.js';

/** What storing one weight in a scheme, and no other, does. */
export interface Sensitivity {
  readonly name: string;
  readonly scheme: Scheme;
  readonly bytes: number;
  /** Mean KL of the student's predictions from those of its float32 weights, in nats. */
  readonly kl: number;
}

export interface SensitivityOptions {
  /** Schemes that are tried of each weight, beside float32. */
  readonly schemes: readonly Exclude<Scheme, 'fp32'>[];
  readonly rounding?: LocalRounding;
  readonly moments?: Moments;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Tries every matrix of a student in every scheme, one at a time, on the predictor's pictures. */
export async function measureSensitivity(
  student: Student,
  predictor: Predictor,
  { schemes, rounding, moments = {}, signal, onProgress }: SensitivityOptions,
): Promise<Sensitivity[]> {
  const [images, texts] = [await predictor.imageEmbeds(student), await predictor.textEmbeds(student)];
  const reference = predictor.predict(images, texts, student);
  const matrices = Object.entries(weightsOf(student)).filter(([, { shape }]) => shape.length >= 2);
  const found: Sensitivity[] = [];
  for (const [index, [name, weight]] of matrices.entries()) {
    for (const scheme of schemes) {
      signal?.throwIfAborted();
      const values = dequantize(await quantizeWeight(weight, scheme, moments[name], rounding));
      const changed = withWeights(student, { [name]: values });
      const predictions = isOfVision(name)
        ? predictor.predict(await predictor.imageEmbeds(changed), texts, student)
        : predictor.predict(images, await predictor.textEmbeds(changed), student);
      const kl = meanKl(reference, predictions);
      found.push({ name, scheme, bytes: storedBytes(scheme, weight.shape), kl });
      await new Promise((resolve) => setImmediate(resolve));
    }
    onProgress?.(index + 1, matrices.length);
  }
  return found;
}

const isOfVision = (name: string) => !name.startsWith(ENCODER) && /^vis(ion|ual)_/.test(name);
