import { dequantize, type QuantizedTensor } from '../../quantization/index.js';
import { compile, product } from '../../runtime/index.js';
import { concat, constant, type HostTensor, input, type Tensor } from '../../tensor/index.js';
import type { Student } from '../student.js';
import type { Calibration } from './calibration.js';
import { damped, inverseOf, timesInverse } from './inverse.js';
import { type Matrix, part, rowOf } from './matrices.js';
import { type Mixture, weightsOf, withWeights } from './mixture.js';
import { type CalibrationPass, calibrationPasses, groupsOf, meanOver } from './moments.js';
import { type QuantizedStudent, quantizeWeight } from './quantize.js';
import { studentFeeds } from './student-graph.js';

/** What a layer is fed before quantisation, x, and with all before it quantised, x̃. */
interface PairMoments {
  /** E[x̃ x̃ᵀ] [I, I] */
  readonly fed: Matrix;
  /** E[x x̃ᵀ] [I, I] */
  readonly both: Matrix;
}

/** The same about the means, and the means. */
interface CentredMoments extends PairMoments {
  readonly means: { readonly fed: Matrix; readonly original: Matrix }; // [1, I]
}

/** The student before quantisation, and with what is quantised so far. */
interface Pair {
  readonly original: Student;
  readonly quantized: Student;
}

/** Names of inputs: what a layer was fed before quantisation, and what the blocks behind a cut are fed. */
const [ORIGINAL, STATE] = ['original', 'state'];

/**
 * A student in few bits, layer by layer from its inputs on, each made up for the errors of those before it: of what a layer
 * is really fed, x̃, it must give what it gave of x. Its weight W is rounded (GPTQ, by the moments of x̃) from
 * W' = argmin E‖W x − W' x̃‖² + λ‖W − W'‖² = W (E[x x̃ᵀ] + λI) (E[x̃ x̃ᵀ] + λI)⁻¹ (asymmetric calibration: Li et al. 2025,
 * GPTAQ, arXiv 2504.02692). What is no linear layer is rounded with chosen scales.
 *
 * A layer with a bias makes up for the mean of the error there, b' = b + W E[x] − Q E[x̃] (bias correction: Nagel et al.
 * 2019, arXiv 1906.04721, section 4.2), so that the moments of its weight are taken about the means.
 *
 * What a block's layers are fed is computed from the block's input, which is kept of the whole calibration: two arrays
 * [pictures or texts, tokens, width].
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
  const passes = calibrationPasses(student, calibration).map((pass) => ({
    pass,
    groups: groupsOf(pass, (name) => name in own && schemeOf(name) !== undefined),
  }));
  const total = passes.reduce((sum, { groups }) => sum + groups.length, 0);
  const layers = new Set(passes.flatMap(({ groups }) => groups.flatMap(({ names }) => names)));
  const tensors: Record<string, QuantizedTensor> = {};
  const values: Record<string, HostTensor> = {};
  const keep = (name: string, tensor: QuantizedTensor) => {
    tensors[name] = tensor;
    values[name] = dequantize(tensor);
  };
  for (const [name, weight] of Object.entries(own)) {
    const scheme = schemeOf(name);
    if (scheme && !layers.has(name)) keep(name, await quantizeWeight(weight, scheme));
  }
  let done = 0;
  for (const { pass, groups } of passes) {
    const front = new Front(pass);
    for (const group of groups) {
      const pair = { original: student, quantized: withWeights(student, values) };
      await front.advanceTo(group.x, pair, options.signal);
      const moments = await front.measure(group.x, pair, options.signal);
      for (const name of group.names) {
        const bias = name.replace(/weight$/, 'bias');
        const { fed, both, means } = own[bias] ? moments.centred : { ...moments.plain, means: undefined };
        const fitted = await fittedWeight(own[name]!, { fed, both });
        keep(name, await quantizeWeight(fitted, schemeOf(name)!, fed));
        if (means) values[bias] = await correctedBias(own[bias]!, own[name]!, values[name]!, means);
      }
      options.onProgress?.(++done, total);
    }
  }
  return { student: withWeights(student, values), tensors };
}

/** How far the calibration has come in a tower: what stands before the cut is not computed again. */
class Front {
  /** Of the tower's hidden states. */
  private cut = -1;
  /** The hidden state there of each batch, before quantisation and with all before it quantised. */
  private states: { readonly original: HostTensor[]; readonly quantized: HostTensor[] } = {
    original: [],
    quantized: [],
  };

  constructor(private readonly pass: CalibrationPass) {}

  /** Moves the cut to the last hidden state that `x` is computed from; what comes before it must be quantised by then. */
  async advanceTo(x: Tensor, students: Pair, signal?: AbortSignal): Promise<void> {
    const { tower, batches } = this.pass;
    // Tensors are numbered in the order in which they were traced.
    const cut = tower.hidden.findLastIndex(({ id }) => id < x.id);
    if (cut === this.cut) return;
    const program = await compile({ outputs: { next: tower.hidden[cut]! }, given: this.given() });
    try {
      for (const of of ['original', 'quantized'] as const) {
        const weights = studentFeeds(students[of]);
        for (let batch = 0; batch < batches; batch++) {
          signal?.throwIfAborted();
          const { shape, data } = (await program.run({ ...weights, ...this.feeds(of, batch) })).next!;
          const before = this.states[of][batch];
          if (before?.data.length === data.length) before.data.set(data);
          else this.states[of][batch] = { shape, data: data.slice() };
        }
      }
    } finally {
      await program.dispose();
    }
    this.cut = cut;
  }

  async measure(
    x: Tensor,
    { original, quantized }: Pair,
    signal?: AbortSignal,
  ): Promise<{ plain: PairMoments; centred: CentredMoments }> {
    const { moments, batches } = this.pass;
    const given = this.given();
    const before = await compile({ outputs: { x }, given });
    const [own1, fed1] = [withOne(input(ORIGINAL, x.shape)), withOne(x)];
    const outputs = { fed: moments(fed1, fed1), both: moments(own1, fed1) };
    const after = await compile({ outputs, given });
    try {
      const [own, few] = [studentFeeds(original), studentFeeds(quantized)];
      const { fed, both } = await meanOver(
        batches,
        async (batch) => {
          const made = await before.run({ ...own, ...this.feeds('original', batch) });
          return after.run({ ...few, ...this.feeds('quantized', batch), [ORIGINAL]: made.x! });
        },
        signal,
      );
      return splitMoments(fed!, both!);
    } finally {
      await Promise.all([before.dispose(), after.dispose()]);
    }
  }

  private given(): ReadonlyMap<Tensor, string> {
    return new Map(this.cut < 0 ? [] : [[this.pass.tower.hidden[this.cut]!, STATE]]);
  }

  private feeds(of: keyof Pair, batch: number): Record<string, HostTensor> {
    const state = this.states[of][batch];
    return { ...this.pass.feeds(batch), ...(state && { [STATE]: state }) };
  }
}

/** Rows [M, I] with a 1 behind each [M, I + 1], whose moments hold sums and number of the rows, too. */
function withOne(x: Tensor): Tensor {
  const rows = x.shape[0] as number;
  return concat([x, constant({ shape: [rows, 1], data: new Float32Array(rows).fill(1) })], 1);
}

/** Moments out of those of rows with a 1 behind them, which are sums over a batch. */
function splitMoments(fed: Matrix, both: Matrix): { plain: PairMoments; centred: CentredMoments } {
  const n = fed.shape[0]! - 1;
  const rows = fed.data.at(-1)!;
  const inner = (matrix: Matrix) => part(matrix, [0, n], [0, n]);
  const plain = { fed: inner(fed), both: inner(both) };
  const lastRow = rowOf(fed, n).subarray(0, n);
  const means = {
    fed: { shape: [1, n], data: lastRow.map((sum) => sum / rows) },
    original: { shape: [1, n], data: Float32Array.from({ length: n }, (_, i) => both.data[i * (n + 1) + n]! / rows) },
  };
  const about = ({ data }: Matrix, a: Matrix, b: Matrix): Matrix => {
    const out = data.slice();
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) out[i * n + j]! -= rows * a.data[i]! * b.data[j]!;
    }
    return { shape: [n, n], data: out };
  };
  const centred = { fed: about(plain.fed, means.fed, means.fed), both: about(plain.both, means.original, means.fed) };
  return { plain, centred: { ...centred, means } };
}

/** b' of {@link quantizeInOrder}. */
async function correctedBias(
  bias: HostTensor,
  weight: HostTensor,
  rounded: HostTensor,
  { fed, original }: CentredMoments['means'],
): Promise<HostTensor> {
  const n = fed.shape[1]!;
  const matrix = ({ data }: HostTensor): Matrix => ({ shape: [data.length / n, n], data: data as Float32Array });
  const [was, is] = [
    await product(original, matrix(weight), { transposeB: true }),
    await product(fed, matrix(rounded), { transposeB: true }),
  ];
  return { shape: bias.shape, data: Float32Array.from(bias.data, (b, i) => b + was.data[i]! - is.data[i]!) };
}

/** W' of {@link quantizeInOrder}; λ is GPTQ's damping. */
async function fittedWeight({ shape, data }: HostTensor, { fed, both }: PairMoments): Promise<HostTensor> {
  const n = fed.shape[0]!;
  const target = await product({ shape: [data.length / n, n], data }, damped(both, fed));
  return { shape, data: (await timesInverse(target, await inverseOf(fed))).data };
}
