import type { OnnxEmitter } from './onnx-emitter.js';

/** A size known when tracing, or the name of a size known only at run time (the batch axis of an exported model). */
export type Dim = number | string;
/** A tensor's dimensions, the outermost first; `[]` is a scalar. */
export type Shape = readonly Dim[];
/** float16 and uint8 are for inputs alone: no op takes them but `cast`. */
export type DType = 'float32' | 'float16' | 'int32' | 'int64' | 'uint8' | 'bool';

/** An array that JavaScript owns: parameters, feeds and results. Row-major. */
export interface HostTensor<D extends Float32Array | Int32Array = Float32Array | Int32Array> {
  readonly shape: readonly number[];
  readonly data: D;
}

/**
 * Cotangent of each input, given those of the outputs (undefined where no gradient arrives or is needed).
 *
 * @param needed for each input, whether its cotangent is used
 */
export type GradientRule = (
  node: Node,
  cotangents: readonly (Tensor | undefined)[],
  needed: readonly boolean[],
) => (Tensor | undefined)[];

/** One op: how it becomes ONNX, and its gradient. An op without a gradient stops differentiation with an error. */
export interface Op {
  readonly name: string;
  emit(emitter: OnnxEmitter, node: Node, inputs: string[], outputs: string[]): void;
  /** The input that may come in a stored form, which the op then asks the emitter for. */
  readonly weight?: number;
  readonly gradient?: GradientRule;
}

/** One application of an op. Ids grow with creation, so their order is a topological order of the graph. */
export interface Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Tensor[];
  /** The tensors whose values this node hands on unchanged, one an output, for nodes that exist only to carry a gradient rule. */
  readonly aliases?: readonly Tensor[];
}

let nextId = 0;

/** @internal A place in the order of creation: what is traced from now on has this id or a greater one. */
export const mark = (): number => nextId;

/** A symbolic tensor: a value in the traced graph, with a shape and a type but no data. */
export class Tensor {
  readonly id = nextId++;
  private constructor(
    readonly shape: Shape,
    readonly dtype: DType,
    readonly name: string | undefined,
    readonly value: HostTensor | undefined,
  ) {}

  /** The node that computes this tensor; undefined for inputs and constants. */
  node: Node | undefined;

  get rank(): number {
    return this.shape.length;
  }

  /** Sizes as numbers. @throws where a dimension is symbolic, naming the op that needs it. */
  sizes(op: string): number[] {
    return this.shape.map((d) => {
      if (typeof d === 'number') return d;
      throw new Error(
        `${op}: expected a static shape, got ${formatShape(this.shape)}; symbolic axes are for export only`,
      );
    });
  }

  /** @internal */
  static make(shape: Shape, dtype: DType, name?: string, value?: HostTensor): Tensor {
    return new Tensor(shape, dtype, name, value);
  }
}

/**
 * A graph input, fed at each run under `name`.
 *
 * @throws Error for sizes that are not whole, or negative
 */
export function input(name: string, shape: Shape, dtype: DType = 'float32'): Tensor {
  for (const d of shape) {
    if (typeof d === 'number' && (!Number.isInteger(d) || d < 0)) {
      throw new Error(`input ${name}: expected sizes that are whole and not negative, got ${formatShape(shape)}`);
    }
  }
  return Tensor.make(shape, dtype, name);
}

/**
 * A constant: a number, a list of numbers (one axis), or an array. Int32Array gives int32.
 *
 * @throws Error for another number of elements than the shape has
 */
export function constant(value: number | readonly number[] | HostTensor): Tensor {
  if (typeof value === 'number') return constant({ shape: [], data: Float32Array.of(value) });
  if (Array.isArray(value)) return constant({ shape: [value.length], data: Float32Array.from(value) });
  const host = value as HostTensor;
  const size = host.shape.reduce((a, b) => a * b, 1);
  if (size !== host.data.length) {
    throw new Error(`constant: shape ${formatShape(host.shape)} needs ${size} values, got ${host.data.length}`);
  }
  return Tensor.make(host.shape, host.data instanceof Int32Array ? 'int32' : 'float32', undefined, host);
}

/** @internal Applies an op; every op function ends here. */
export function apply(
  op: Op,
  inputs: readonly Tensor[],
  outputs: readonly { shape: Shape; dtype?: DType }[],
  attributes: Record<string, unknown> = {},
  aliases?: readonly Tensor[],
): Tensor[] {
  const results = outputs.map((o) => Tensor.make(o.shape, o.dtype ?? 'float32'));
  const node: Node = { id: nextId++, op, inputs, attributes, outputs: results, aliases };
  for (const result of results) result.node = node;
  return results;
}

/** @internal The common case of {@link apply}: one output. */
export function applyOne(
  op: Op,
  inputs: readonly Tensor[],
  shape: Shape,
  attributes?: Record<string, unknown>,
  dtype: DType = 'float32',
): Tensor {
  return apply(op, inputs, [{ shape, dtype }], attributes)[0]!;
}

/** A shape as it stands in errors: `[2, 3]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Cotangents of the inputs, given those of the outputs and which of them are used. */
type CustomRule = (cotangents: readonly (Tensor | undefined)[], needed: readonly boolean[]) => (Tensor | undefined)[];

const customOp: Op = {
  name: 'custom',
  emit() {
    throw new Error('custom: a node that hands on values is never emitted');
  },
  gradient: (node, cotangents, needed) => (node.attributes.rule as CustomRule)(cotangents, needed),
};

/** Hands `value` on, but differentiates it with respect to `inputs` by `rule`: for gradients cheaper than the traced ones. */
export function withGradient(
  value: Tensor,
  inputs: readonly Tensor[],
  rule: (dy: Tensor) => (Tensor | undefined)[],
): Tensor {
  return withGradients([value], inputs, ([dy]) => rule(dy!))[0]!;
}

/** @internal As {@link withGradient} for several values at once; the rule is given undefined where no gradient arrives. */
export function withGradients(values: readonly Tensor[], inputs: readonly Tensor[], rule: CustomRule): Tensor[] {
  const outputs = values.map(({ shape, dtype }) => ({ shape, dtype }));
  return apply(customOp, inputs, outputs, { rule }, values);
}

/** @internal The tensor that is computed for this one: another where its node only hands a value on. */
export function computed(tensor: Tensor): Tensor {
  const alias = tensor.node?.aliases?.[tensor.node.outputs.indexOf(tensor)];
  return alias ? computed(alias) : tensor;
}

/** The same value, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return withGradient(x, [], () => []);
}
