import { dequantize, type QuantizedTensor } from '../../quantization/index.js';
import { compile } from '../../runtime/index.js';
import { constant, type HostTensor, input, linearInputs, matmul, type Tensor } from '../../tensor/index.js';
import type { Student } from '../student.js';
import type { Calibration } from './calibration.js';
import { damped, inverseFactor } from './gptq.js';
import { type Mixture, weightsOf, withWeights } from './mixture.js';
import { type CalibrationPass, calibrationPasses, meanOver } from './moments.js';
import { type QuantizedStudent, quantizeWeight } from './quantize.js';
import { studentFeeds } from './student-graph.js';

/** Linear layers that are fed the same, in one tower. */
interface Group {
  readonly pass: CalibrationPass;
  readonly names: readonly string[];
  readonly x: Tensor;
}

/** What a layer is fed before quantisation, x, and with all before it quantised, x̃. */
interface PairMoments {
  /** E[x̃ x̃ᵀ] [I, I] */
  readonly fed: HostTensor<Float32Array>;
  /** E[x x̃ᵀ] [I, I] */
  readonly both: HostTensor<Float32Array>;
}

/** Name of an input: what a layer was fed before quantisation. */
const ORIGINAL = 'original';

/**
 * A student in few bits, layer by layer from its inputs on, each made up for the errors of those before it: of what a layer
 * is really fed, x̃, it must give what it gave of x. Its weight W is rounded (GPTQ, by the moments of x̃) from
 * W' = argmin E‖W x − W' x̃‖² + λ‖W − W'‖² = W (E[x x̃ᵀ] + λI) (E[x̃ x̃ᵀ] + λI)⁻¹ (asymmetric calibration: Li et al. 2025,
 * GPTAQ, arXiv 2504.02692). What is no linear layer is rounded with chosen scales.
 *
 * The calibration passes through the tower twice for each group of layers.
 */
export async function quantizeInOrder(
  student: Student,
  mixture: Mixture,
  calibration: Calibration,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void } = {},
): Promise<QuantizedStudent> {
  const own = weightsOf(student);
  const schemeOf = (name: string) => {
    const scheme = mixture[name] ?? 'fp32';
    return scheme === 'fp32' ? undefined : scheme;
  };
  const groups = calibrationPasses(student, calibration).flatMap((pass) =>
    groupsOf(pass, (name) => name in own && schemeOf(name) !== undefined),
  );
  const layers = new Set(groups.flatMap(({ names }) => names));
  const tensors: Record<string, QuantizedTensor> = {};
  const values: Record<string, HostTensor> = {};
  const keep = (name: string, tensor: QuantizedTensor) => {
    tensors[name] = tensor;
    values[name] = dequantize(tensor);
  };
  for (const [name, weight] of Object.entries(own)) {
    const scheme = schemeOf(name);
    if (scheme && !layers.has(name)) keep(name, quantizeWeight(weight, scheme));
  }
  for (const [done, group] of groups.entries()) {
    const moments = await measurePair(group, student, withWeights(student, values), options.signal);
    const fitted = await fittedWeights(group.names, own, moments);
    for (const name of group.names) keep(name, quantizeWeight(fitted[name]!, schemeOf(name)!, moments.fed));
    options.onProgress?.(done + 1, groups.length);
  }
  return { student: withWeights(student, values), tensors };
}

function groupsOf(pass: CalibrationPass, wanted: (name: string) => boolean): Group[] {
  const names = new Map<Tensor, string[]>();
  for (const [name, x] of Object.entries(linearInputs([pass.embed]))) {
    if (wanted(name)) names.set(x, [...(names.get(x) ?? []), name]);
  }
  return [...names].map(([x, own]) => ({ pass, names: own, x }));
}

async function measurePair(
  { pass, x }: Group,
  student: Student,
  quantized: Student,
  signal?: AbortSignal,
): Promise<PairMoments> {
  const original = input(ORIGINAL, x.shape);
  const counted = pass.counted(x);
  const [before, after] = await Promise.all([
    compile({ outputs: { x } }),
    compile({
      outputs: {
        fed: matmul(x, counted, { transposeA: true }),
        both: matmul(original, counted, { transposeA: true }),
      },
    }),
  ]);
  try {
    const [own, few] = [studentFeeds(student), studentFeeds(quantized)];
    const { fed, both } = await meanOver(
      pass.batches,
      async (batch) => {
        const feeds = pass.feeds(batch);
        const made = await before.run({ ...own, ...feeds });
        return after.run({ ...few, ...feeds, [ORIGINAL]: made.x! });
      },
      signal,
    );
    return { fed: fed!, both: both! };
  } finally {
    await Promise.all([before.dispose(), after.dispose()]);
  }
}

/** W' of {@link quantizeInOrder} of each layer of a group; λ is GPTQ's damping. */
async function fittedWeights(
  names: readonly string[],
  weights: Readonly<Record<string, HostTensor>>,
  { fed, both }: PairMoments,
): Promise<Record<string, HostTensor>> {
  const n = fed.shape[0]!;
  const [cross, factor] = [constant(damped(both, fed)), constant(inverseFactor(fed))];
  const fitted = (name: string) => {
    const { data } = weights[name]!;
    const target = matmul(constant({ shape: [data.length / n, n], data }), cross);
    return matmul(matmul(target, factor, { transposeB: true }), factor);
  };
  const program = await compile({ outputs: Object.fromEntries(names.map((name) => [name, fitted(name)])) });
  try {
    const made = await program.run({});
    return Object.fromEntries(
      names.map((name) => [name, { shape: weights[name]!.shape, data: made[name]!.data.slice() }]),
    );
  } finally {
    await program.dispose();
  }
}
