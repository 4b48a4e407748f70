import type { OnnxEmitter } from './onnx-emitter.js';
import { computed, type Node, type Tensor } from './tensor.js';

/** All precisions. */
export const precisions = ['fp32', 'mixed'] as const;
/**
 * `mixed`: products, and what only carries their values on, in fp16; everything else is computed in fp32 (Micikevicius
 * et al., arXiv 1710.03740).
 */
export type Precision = (typeof precisions)[number];

/** Always computed in fp16: nearly all of a model's work. */
const products = new Set(['linear', 'matmul']);
/** Computed in the precision of their operands: they lose no more in fp16 than the product before them has. */
const carriers = new Set([
  ...['reshape', 'transpose', 'concat', 'slice', 'pad', 'expand'],
  ...['add', 'sub', 'mul', 'neg', 'sigmoid', 'tanh', 'relu'],
]);
/**
 * Compute in fp32 inside, on ONNX Runtime's CPU and CUDA, and so may read and write fp16 there; its WebGPU would add up
 * in fp16.
 */
const wideInside = new Set(['softmax']);

/**
 * Which values of a graph are fp16 when it is written, and the casts between them and the others.
 *
 * A graph is traced in float32 alone; gradients are too, so both passes are treated alike. Inputs (the master weights),
 * sums, norms, losses and the residual stream stay fp32.
 */
export class MixedPrecision {
  private readonly halves = new Set<Tensor>();
  private readonly casts = new Map<string, string>();

  constructor(private readonly emitter: OnnxEmitter) {}

  /** Whether a node computes in fp16; its outputs are noted. */
  takes(node: Node): boolean {
    const takes = this.computesHalf(node);
    if (takes) for (const output of node.outputs) this.halves.add(output);
    return takes;
  }

  /** The name under which a tensor's value has the precision wanted; written as a cast where it has not. */
  cast(tensor: Tensor, name: string, half: boolean): string {
    if (tensor.dtype !== 'float32' || this.halves.has(computed(tensor)) === half) return name;
    const key = `${half ? 'half' : 'full'}:${name}`;
    let cast = this.casts.get(key);
    if (!cast) {
      cast = this.emitter.name();
      this.emitter.node('Cast', [name], [cast], {
        to: half ? this.emitter.halfType : this.emitter.elementType('float32'),
      });
      this.casts.set(key, cast);
    }
    return cast;
  }

  private computesHalf({ op, inputs, outputs, attributes }: Node): boolean {
    if (products.has(op.name)) return attributes.full !== true;
    if (!carriers.has(op.name) && !(wideInside.has(op.name) && this.emitter.fused)) return false;
    const width = outputs[0]!.shape.at(-1);
    // A number takes any precision, and so does one a row.
    const takesAny = (x: Tensor) => (x.value ? x.rank === 0 : x.shape.at(-1) === 1 && width !== 1);
    const operands = inputs.filter((x) => !takesAny(x));
    return operands.length > 0 && operands.every((x) => this.halves.has(computed(x)));
  }
}
