import { emitGraph, type Tensor } from '../tensor/index.js';
import { type Local, VectorFunction, type VectorOp } from './wasm-module.js';

/** Numbers of each array that are worked on at once: all arrays of an update together lie in a core's second-level cache. */
const CHUNK = 2 ** 12;
/** Arrays that a loop reads and writes. */
const MOST_ARRAYS = 14;
const ARRAY_BYTES = CHUNK * 4;
const SUM_BYTES = 16;
const PAGE = 2 ** 16;

/** What computes a node of ONNX's, its inputs on the stack. */
const vectorOps: Readonly<Record<string, VectorOp>> = {
  Abs: 'f32x4.abs',
  Add: 'f32x4.add',
  Div: 'f32x4.div',
  Equal: 'f32x4.eq',
  Greater: 'f32x4.gt',
  Mul: 'f32x4.mul',
  Neg: 'f32x4.neg',
  Sqrt: 'f32x4.sqrt',
  Sub: 'f32x4.sub',
};

type Run = (bytes: number, ...scalars: number[]) => void;

interface Compiled {
  readonly scalars: readonly string[];
  readonly arrays: readonly (readonly [string, Float32Array])[];
  readonly results: readonly (readonly [string, Float32Array])[];
  readonly sums: readonly (readonly [string, Float64Array])[];
  readonly run: Run;
}

/**
 * A graph of element-wise ops over arrays of one length, as a single pass over memory on one core: for updates of
 * parameters, which are bound by memory. Four numbers at a time (WebAssembly's SIMD), in float32 as on every device.
 *
 * Inputs are scalars `[]` and arrays `[n]`, n symbolic; outputs are arrays, or sums over one, which are added up in double
 * precision. It is compiled when it first runs.
 */
export class FusedLoop {
  private compiled: Compiled | undefined;

  /** @param trace gives the outputs by name */
  constructor(private readonly trace: () => Readonly<Record<string, Tensor>>) {}

  /**
   * @param arrays the input arrays, all of one length
   * @param scalars the input scalars
   * @param into where output arrays go; may be input arrays, too
   * @returns the output sums
   * @throws where an array is missing or of another length than the first
   */
  run(
    arrays: Readonly<Record<string, Float32Array>>,
    scalars: Readonly<Record<string, number>> = {},
    into: Readonly<Record<string, Float32Array>> = {},
  ): Record<string, number> {
    this.compiled ??= compileLoop(this.trace());
    const { arrays: inputs, results, sums, run, ...names } = this.compiled;
    const values = names.scalars.map((name) => scalars[name]!);
    const from = inputs.map(([name, view]) => ({ view, data: whole(name, arrays[name]) }));
    const to = results.map(([name, view]) => ({ view, data: whole(name, into[name]) }));
    const length = from[0]?.data.length ?? 0;
    for (const { data } of [...from, ...to]) {
      if (data.length !== length) throw new Error(`FusedLoop: arrays of ${length} and ${data.length} numbers`);
    }
    const totals = Object.fromEntries(sums.map(([name]) => [name, 0]));
    for (let at = 0; at < length; at += CHUNK) {
      const count = Math.min(CHUNK, length - at);
      for (const { view, data } of from) {
        view.set(data.subarray(at, at + count));
        // The last vector's empty places count in no sum.
        if (count % 4 !== 0) view.fill(0, count, count + 4 - (count % 4));
      }
      run(count * 4, ...values);
      for (const { view, data } of to) data.set(count === CHUNK ? view : view.subarray(0, count), at);
      for (const [name, [low, high]] of sums) totals[name]! += low! + high!;
    }
    return totals;
  }
}

function whole(name: string, data: Float32Array | undefined): Float32Array {
  if (!data) throw new Error(`FusedLoop: array ${name} is missing`);
  return data;
}

/** One for all loops: none begins before another has ended. A memory of its own each would reserve gigabytes of addresses. */
let scratch: WebAssembly.Memory | undefined;

function compileLoop(outputs: Readonly<Record<string, Tensor>>): Compiled {
  const { emitter, fed, plain } = emitGraph({ outputs });
  const scalars = fed.filter(({ rank }) => rank === 0).map(({ name }) => name!);
  const arrays = fed.filter(({ rank }) => rank > 0).map(({ name }) => name!);
  const named = Object.entries(outputs).map(([name, tensor]) => ({ name, value: plain(tensor), rank: tensor.rank }));
  const results = named.filter(({ rank }) => rank > 0);
  if (arrays.length + results.length > MOST_ARRAYS) {
    throw new Error(`FusedLoop: at most ${MOST_ARRAYS} arrays, got ${arrays.length + results.length}`);
  }
  const addressOf = (array: number) => array * ARRAY_BYTES;
  const sumsAt = addressOf(MOST_ARRAYS);

  const code = new VectorFunction(scalars.length);
  const values = new Map<string, Local>();
  /** Sums of both halves of a vector, by the value that a node of ONNX's gives. */
  const sums = new Map<string, Local>();
  const keep = (name: string) => {
    const local = code.vector();
    code.set(local);
    values.set(name, local);
  };
  for (const [i, name] of scalars.entries()) {
    code.get(i + 1).op('f32x4.splat');
    keep(name);
  }
  for (const { name, dims, rawData } of emitter.initializers) {
    if (dims.length > 0) continue; // axes of a sum
    code.constant(new Float32Array(rawData.slice().buffer)[0]!);
    keep(name);
  }
  const write = ({ opType, input, output }: (typeof emitter.nodes)[number]) => {
    const local = (name: string) => values.get(name)!;
    if (opType === 'ReduceSum') {
      const total = code.vector();
      sums.set(output[0]!, total);
      code.get(total).get(local(input[0]!)).op('f64x2.promote_low_f32x4').op('f64x2.add');
      code.upperHalf(local(input[0]!)).op('f64x2.promote_low_f32x4').op('f64x2.add').set(total);
      return;
    }
    if (opType === 'Where') {
      const [condition, a, b] = input.map(local) as [Local, Local, Local];
      code.get(a).get(b).get(condition).op('v128.bitselect');
    } else {
      const op = vectorOps[opType];
      if (!op) throw new Error(`FusedLoop: ${opType} is not an element-wise op that it has`);
      for (const name of input) code.get(local(name));
      code.op(op);
    }
    keep(output[0]!);
  };

  // What no array reaches is computed once, before the loop.
  const changing = new Set(arrays);
  const inside = emitter.nodes.filter(({ input, output }) => {
    if (!input.some((name) => changing.has(name))) return false;
    for (const name of output) changing.add(name);
    return true;
  });
  for (const node of emitter.nodes) if (!inside.includes(node)) write(node);
  code.loop(() => {
    for (const [i, name] of arrays.entries()) {
      code.get(code.counter).memory('v128.load', addressOf(i));
      keep(name);
    }
    for (const node of inside) write(node);
    for (const [i, { value }] of results.entries()) {
      code
        .get(code.counter)
        .get(values.get(value)!)
        .memory('v128.store', addressOf(arrays.length + i));
    }
  });
  const summed = named.filter(({ rank }) => rank === 0);
  for (const [i, { name, value }] of summed.entries()) {
    const total = sums.get(value);
    if (total === undefined) throw new Error(`FusedLoop: output ${name} is a scalar, but no sum over an array`);
    code
      .zero()
      .get(total)
      .memory('v128.store', sumsAt + i * SUM_BYTES);
  }

  scratch ??= new WebAssembly.Memory({ initial: Math.ceil((sumsAt + MOST_ARRAYS * SUM_BYTES) / PAGE) });
  const { buffer } = scratch;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code.module()), { scratch: { memory: scratch } });
  const view = (array: number) => new Float32Array(buffer, addressOf(array), CHUNK);
  return {
    scalars,
    arrays: arrays.map((name, i) => [name, view(i)]),
    results: results.map(({ name }, i) => [name, view(arrays.length + i)]),
    sums: summed.map(({ name }, i) => [name, new Float64Array(buffer, sumsAt + i * SUM_BYTES, 2)]),
    run: instance.exports.run as Run,
  };
}
