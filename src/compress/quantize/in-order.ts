import { modelWeights, type TowerModel, withWeights } from '../../model/index.js';
import { compile, product } from '../../runtime/index.js';
import { type HostTensor, input, type Tensor } from '../../tensor/index.js';
import { dequantize, type QuantizedTensor } from '../../weight-formats/index.js';
import type { Calibration } from './calibration.js';
import { cutBefore, HiddenStates } from './hidden-states.js';
import { damped, inverseOf, timesInverse } from './inverse.js';
import type { Matrix } from './matrices.js';
import { type Mixture, weightsOf } from './mixture.js';
import { type CalibrationPass, calibrationPasses, groupsOf, meanOver } from './moments.js';
import { type CentredMoments, type LayerMoments, type PairMoments, splitMoments, withOne } from './pair-moments.js';
import { type QuantizedStudent, quantizeWeight } from './quantize.js';

/** The student before quantisation, and with what is quantised so far. */
interface Pair {
  readonly original: TowerModel;
  readonly quantized: TowerModel;
}

/** The input for what a layer was fed before quantisation. */
const ORIGINAL = 'original';

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
 * [images or texts, tokens, width].
 */
export async function quantizeInOrder(
  student: TowerModel,
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
    const statesOf = () => new HiddenStates(pass.tower, pass.batches, pass.feeds);
    const states = { original: statesOf(), quantized: statesOf() };
    for (const group of groups) {
      const pair = { original: student, quantized: withWeights(student, values) };
      const cut = cutBefore(pass.tower, group.x);
      await states.original.moveTo(cut, pair.original, options.signal);
      await states.quantized.moveTo(cut, pair.quantized, options.signal);
      const { plain, centred } = await pairMoments(group.x, pass, states, pair, options.signal);
      for (const name of group.names) {
        const biasName = name.replace(/weight$/, 'bias');
        const bias = own[biasName];
        const moments = bias ? centred : plain;
        const fitted = await fittedWeight(own[name]!, moments);
        keep(name, await quantizeWeight(fitted, schemeOf(name)!, moments.fed));
        if (bias) values[biasName] = await correctedBias(bias, own[name]!, values[name]!, centred.means);
      }
      options.onProgress?.(++done, total);
    }
  }
  return { student: withWeights(student, values), tensors };
}

/** The hidden states of a tower on both sides. */
interface States {
  readonly original: HiddenStates;
  readonly quantized: HiddenStates;
}

/** The moments of what layers that are fed `x` are fed. Both sides' hidden states stand at a cut before it. */
async function pairMoments(
  x: Tensor,
  { moments, batches }: CalibrationPass,
  states: States,
  { original, quantized }: Pair,
  signal?: AbortSignal,
): Promise<LayerMoments> {
  const before = await compile({ outputs: { x }, given: states.original.given });
  const [own1, fed1] = [withOne(input(ORIGINAL, x.shape)), withOne(x)];
  const outputs = { fed: moments(fed1, fed1), both: moments(own1, fed1) };
  const after = await compile({ outputs, given: states.quantized.given });
  try {
    const [own, few] = [modelWeights(original), modelWeights(quantized)];
    const { fed, both } = await meanOver(
      batches,
      async (batch) => {
        const made = await before.run({ ...own, ...states.original.feeds(batch) });
        return after.run({ ...few, ...states.quantized.feeds(batch), [ORIGINAL]: made.x! });
      },
      signal,
    );
    return splitMoments(fed!, both!);
  } finally {
    await Promise.all([before.dispose(), after.dispose()]);
  }
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
