import type { TowerModel } from '../../model/index.js';
import { dequantize, type Scheme, storedBytes } from '../../weight-formats/index.js';
import { weightsOf } from './mixture.js';
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

/** Tries every matrix of a student in every scheme, one at a time, on the predictor's images. */
export async function measureSensitivity(
  student: TowerModel,
  predictor: Predictor,
  { schemes, rounding, moments = {}, signal, onProgress }: SensitivityOptions,
): Promise<Sensitivity[]> {
  const own = await predictor.own();
  const reference = predictor.predict(own, student);
  const matrices = Object.entries(weightsOf(student)).filter(([, { shape }]) => shape.length >= 2);
  const found = new Map<string, Sensitivity[]>();
  let done = 0;
  for (const tower of ['images', 'texts'] as const) {
    const read = matrices.filter(([name]) => predictor.images.reads(name) === (tower === 'images'));
    // In the order of the tower, which is then computed from each weight on alone.
    read.sort(([a], [b]) => predictor[tower].placeOf(a) - predictor[tower].placeOf(b));
    for (const [name, weight] of read) {
      const tried: Sensitivity[] = [];
      for (const scheme of schemes) {
        signal?.throwIfAborted();
        const value = dequantize(await quantizeWeight(weight, scheme, moments[name], rounding));
        const changed = { ...own, [tower]: await predictor[tower].changed(name, value, student) };
        const predictions = predictor.predict(changed, student);
        tried.push({ name, scheme, bytes: storedBytes(scheme, weight.shape), kl: meanKl(reference, predictions) });
        await new Promise((resolve) => setImmediate(resolve));
      }
      found.set(name, tried);
      onProgress?.(++done, matrices.length);
    }
  }
  return matrices.flatMap(([name]) => found.get(name)!);
}
