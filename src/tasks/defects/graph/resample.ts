import {
  abs,
  add,
  cast,
  constant,
  type Dim,
  div,
  type HostTensor,
  matmul,
  maximum,
  mul,
  positions,
  relu,
  reshape,
  sub,
  sum,
  type Tensor,
} from '../../../tensor/index.js';

/**
 * Weights [to, from] that resample an axis: a triangle as wide as a step of the coarser of both grids, pixel centres as
 * PyTorch has them with align_corners=false. Enlarging it is bilinear, reducing it averages over what falls away, as
 * torchvision with antialias and Pillow's BILINEAR.
 */
export function resampleWeights(from: number, to: number): HostTensor<Float32Array> {
  const data = new Float32Array(to * from);
  const support = Math.max(from / to, 1);
  for (let i = 0; i < to; i++) {
    const row = data.subarray(i * from, (i + 1) * from);
    const centre = ((i + 0.5) * from) / to - 0.5;
    let total = 0;
    for (let j = 0; j < from; j++) total += row[j] = Math.max(0, 1 - Math.abs(j - centre) / support);
    for (let j = 0; j < from; j++) row[j]! /= total;
  }
  return { shape: [to, from], data };
}

/** {@link resampleWeights} between sizes of which one may be known only when the graph runs: `like` has it at `axis`. */
export function resampling(from: Dim, to: Dim, like: Tensor, axis: number): Tensor {
  if (typeof from === 'number' && typeof to === 'number') return constant(resampleWeights(from, to));
  const counted = (size: Dim, shape: readonly Dim[]) => {
    const places = typeof size === 'number' ? counting(size) : cast(positions(like, axis), 'float32');
    return reshape(places, shape);
  };
  const [i, j] = [counted(to, [to, 1]), counted(from, [1, from])];
  const sizeOf = (size: Dim, places: Tensor) => (typeof size === 'number' ? constant(size) : add(last(places), 1));
  const ratio = div(sizeOf(from, j), sizeOf(to, i));
  const centre = sub(mul(add(i, 0.5), ratio), 0.5); // [to, 1]
  const weights = relu(sub(1, div(abs(sub(j, centre)), maximum(ratio, 1)))); // [to, from]
  return div(weights, sum(weights, [1], true));
}

const counting = (size: number) => constant(Array.from({ length: size }, (_, i) => i));

/** The last of counted places, n − 1, as a scalar: the sum of them is n (n − 1) / 2. */
function last(places: Tensor): Tensor {
  const ones = add(mul(places, 0), 1);
  return sub(sum(ones), 1);
}

/** Resamples both axes of x [B, C, H, W] → [B, C, height, width]. */
export function resample(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  return matmul(matmul(rows, x), columns, { transposeB: true });
}
