import { requireFloat } from '../dtype.js';
import { broadcastShapes } from '../shape.js';
import { applyOne, type Dim, formatShape, type Op, type Tensor } from '../tensor.js';
import { add } from './arithmetic.js';
import { sum, unbroadcast } from './broadcasting.js';
import { reshape, transpose } from './layout.js';

/** Options of {@link matmul}. */
export interface MatmulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
  /** Stays in fp32 under mixed precision, in its gradient too: for losses. */
  full?: boolean;
}

const matmulOp: Op = {
  name: 'matmul',
  emit(e, node, [a, b], outs) {
    const { transposeA, transposeB } = node.attributes as MatmulOptions;
    // A transpose that a matmul was asked for is read in place; one that was traced on its own is copied.
    if (e.fused && (transposeA || transposeB)) {
      const flags = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 };
      e.node('FusedMatMul', [a!, b!], outs, flags, 'com.microsoft');
      return;
    }
    const flip = (name: string, rank: number) => {
      const out = e.name();
      const perm = Array.from({ length: rank }, (_, i) => i);
      e.node('Transpose', [name], [out], { perm: [...perm.slice(0, -2), rank - 1, rank - 2] });
      return out;
    };
    const left = transposeA ? flip(a!, node.inputs[0]!.rank) : a!;
    const right = transposeB ? flip(b!, node.inputs[1]!.rank) : b!;
    e.node('MatMul', [left, right], outs);
  },
  gradient: (node, [dy]) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const { transposeA = false, transposeB = false, full } = node.attributes as MatmulOptions;
    // With A' and B' the operands after their transposes: dA' = dY B'ᵀ, dB' = A'ᵀ dY.
    const da = transposeA
      ? matmul(b, dy!, { transposeA: transposeB, transposeB: true, full })
      : matmul(dy!, b, { transposeB: !transposeB, full });
    const db = transposeB
      ? matmul(dy!, a, { transposeA: true, transposeB: transposeA, full })
      : matmul(a, dy!, { transposeA: !transposeA, full });
    return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
  },
};

/**
 * Matrix product over the last two axes, leading axes broadcasting: [..., M, K] · [..., K, N] → [..., M, N].
 *
 * @throws Error where an operand is not float32, or the shapes do not fit
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, full = false } = options;
  if (b.rank === 2 && a.rank > 2 && !transposeA && a.shape.every((d) => typeof d === 'number')) {
    // One matrix for the whole batch: one large product, and in the gradient no matrix an item to be summed up.
    const flat = matmul(reshape(a, [-1, a.shape.at(-1)!]), b, options);
    return reshape(flat, [...a.shape.slice(0, -1), flat.shape[1]!]);
  }
  requireFloat('matmul', a, b);
  if (a.rank < 2 || b.rank < 2)
    throw new Error(`matmul: expected matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  const last = (t: Tensor, flip: boolean) =>
    flip ? [t.shape.at(-1)!, t.shape.at(-2)!] : [t.shape.at(-2)!, t.shape.at(-1)!];
  const [m, k] = last(a, transposeA) as [Dim, Dim];
  const [k2, n] = last(b, transposeB) as [Dim, Dim];
  if (k !== k2) {
    throw new Error(
      `matmul: inner sizes differ: ${formatShape(a.shape)}${transposeA ? 'ᵀ' : ''} · ${formatShape(b.shape)}${transposeB ? 'ᵀ' : ''}`,
    );
  }
  const batch = broadcastShapes(
    `matmul of ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    a.shape.slice(0, -2),
    b.shape.slice(0, -2),
  );
  return applyOne(matmulOp, [a, b], [...batch, m, n], { transposeA, transposeB, full });
}

/**
 * dW = dYᵀ X of y = x Wᵀ, x [M, I] and dy [M, O] → [O, I].
 *
 * ONNX Runtime's CPU reads a left operand in columns slowly: it is copied over first, the narrower one of the two, or x,
 * which queries, keys and values share.
 */
function weightGradient(x: Tensor, dy: Tensor): Tensor {
  const [inner, out] = [x.shape[1] as number, dy.shape[1] as number];
  return out < inner ? matmul(transpose(dy), x) : transpose(matmul(transpose(x), dy));
}

const gemmOp: Op = {
  name: 'linear',
  weight: 1,
  emit(e, _, [x, weight, bias], [y]) {
    const product = bias ? e.name() : y!;
    if (!e.product(x!, weight!, product))
      e.node('Gemm', [x!, e.plain(weight!), ...(bias ? [bias] : [])], [y!], { transB: 1 });
    else if (bias) e.node('Add', [product, bias], [y!]);
  },
  gradient: (node, [dy]) => {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor | undefined];
    return [matmul(dy!, weight), weightGradient(x, dy!), bias ? sum(dy!, [0]) : undefined];
  },
};

/** x Wᵀ where sizes known only at run time cannot be flattened: for export, so without a gradient. */
const batchedLinearOp: Op = {
  name: 'linear over open axes',
  weight: 1,
  emit(e, _, [x, weight], [y]) {
    if (e.product(x!, weight!, y!)) return;
    const flipped = e.name();
    e.node('Transpose', [e.plain(weight!)], [flipped], { perm: [1, 0] });
    e.node('MatMul', [x!, flipped], [y!]);
  },
};

/**
 * x Wᵀ + b over the last axis: [..., I] → [..., O], with weight [O, I] and bias [O] as PyTorch keeps them.
 *
 * Leading axes are flattened into one matrix product with the bias inside it (Gemm), where at most one is symbolic.
 *
 * @throws Error where an operand is not float32, or the widths differ
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [out, inner] = weight.shape;
  requireFloat('linear', x, weight, ...(bias ? [bias] : []));
  if (weight.rank !== 2 || x.shape.at(-1) !== inner) {
    throw new Error(
      `linear: input ${formatShape(x.shape)} does not fit weight ${formatShape(weight.shape)} ([out, in])`,
    );
  }
  if (bias && (bias.rank !== 1 || bias.shape[0] !== out)) {
    throw new Error(
      `linear: bias ${formatShape(bias.shape)} does not fit weight ${formatShape(weight.shape)} ([out, in])`,
    );
  }
  const shape = [...x.shape.slice(0, -1), out!];
  if (x.shape.filter((d) => typeof d === 'string').length > 1) {
    const y = applyOne(batchedLinearOp, [x, weight], shape);
    return bias ? add(y, bias) : y;
  }
  const flat = reshape(x, [-1, inner!]);
  return reshape(applyOne(gemmOp, bias ? [flat, weight, bias] : [flat, weight], [flat.shape[0]!, out!]), shape);
}
