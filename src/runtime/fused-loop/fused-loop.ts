import { emitGraph, type Tensor } from '../../tensor/index.js';
import { CHUNK, loopMemoryOf, MOST_ARRAYS, stageIn, sumAddress } from './loop-memory.js';
import { type Local, VectorFunction, type VectorOp } from './wasm-module.js';

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

interface Compiled {
  readonly scalars: readonly string[];
  readonly arrays: readonly string[];
  readonly results: readonly string[];
  readonly sums: readonly string[];
  readonly module: WebAssembly.Module;
}

/** A loop in one memory. */
interface Placed {
  /** @param values addresses of arrays and results, then scalars */
  readonly run: (bytes: number, ...values: number[]) => void;
  /** Where pieces of arrays and results go that lie elsewhere. */
  readonly stages: readonly Float32Array[];
  readonly sums: readonly Float64Array[];
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
  private readonly placed = new WeakMap<WebAssembly.Memory, Placed>();

  /** @param trace gives the outputs by name */
  constructor(private readonly trace: () => Readonly<Record<string, Tensor>>) {}

  /**
   * Arrays that `loopArrays` made are worked on in place; others pass through the loop's memory in pieces.
   *
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
    const names = this.compiled;
    const from = names.arrays.map((name) => whole(name, arrays[name]));
    const all = [...from, ...names.results.map((name) => whole(name, into[name]))];
    const length = all[0]?.length ?? 0;
    for (const data of all) {
      if (data.length !== length) throw new Error(`FusedLoop: arrays of ${length} and ${data.length} numbers`);
    }
    const memory = loopMemoryOf(all);
    const { run, stages, sums } = this.placedIn(memory, names);
    const totals = names.sums.map(() => 0);
    const values = [...all.map(() => 0), ...names.scalars.map((name) => scalars[name]!)];
    for (let at = 0; at < length; at += CHUNK) {
      const count = Math.min(CHUNK, length - at);
      const rest = count % 4;
      // The last vector's empty places count in no sum: it is put where they are zero.
      const staged = (data: Float32Array) => rest > 0 || data.buffer !== memory.buffer;
      for (const [i, data] of all.entries()) {
        values[i] = staged(data) ? stages[i]!.byteOffset : data.byteOffset + at * 4;
        if (i >= from.length || !staged(data)) continue;
        stages[i]!.set(data.subarray(at, at + count));
        if (rest > 0) stages[i]!.fill(0, count, count + 4 - rest);
      }
      run(count * 4, ...values);
      for (let i = from.length; i < all.length; i++) {
        const data = all[i]!;
        if (staged(data)) data.set(count === CHUNK ? stages[i]! : stages[i]!.subarray(0, count), at);
      }
      for (const [i, [low, high]] of sums.entries()) totals[i]! += low! + high!;
    }
    return Object.fromEntries(names.sums.map((name, i) => [name, totals[i]!]));
  }

  private placedIn(memory: WebAssembly.Memory, { arrays, results, sums, module }: Compiled): Placed {
    let placed = this.placed.get(memory);
    if (!placed) {
      const { exports } = new WebAssembly.Instance(module, { scratch: { memory } });
      placed = {
        run: exports.run as Placed['run'],
        stages: [...arrays, ...results].map((_, i) => stageIn(memory, i)),
        sums: sums.map((_, i) => new Float64Array(memory.buffer, sumAddress(i), 2)),
      };
      this.placed.set(memory, placed);
    }
    return placed;
  }
}

function whole(name: string, data: Float32Array | undefined): Float32Array {
  if (!data) throw new Error(`FusedLoop: array ${name} is missing`);
  return data;
}

function compileLoop(outputs: Readonly<Record<string, Tensor>>): Compiled {
  const { emitter, fed, plain } = emitGraph({ outputs });
  const scalars = fed.filter(({ rank }) => rank === 0).map(({ name }) => name!);
  const arrays = fed.filter(({ rank }) => rank > 0).map(({ name }) => name!);
  const named = Object.entries(outputs).map(([name, tensor]) => ({ name, value: plain(tensor), rank: tensor.rank }));
  const results = named.filter(({ rank }) => rank > 0);
  if (arrays.length + results.length > MOST_ARRAYS) {
    throw new Error(`FusedLoop: at most ${MOST_ARRAYS} arrays, got ${arrays.length + results.length}`);
  }

  const code = new VectorFunction(arrays.length + results.length, scalars.length);
  const values = new Map<string, Local>();
  /** Sums of both halves of a vector, by the value that a node of ONNX's gives. */
  const sums = new Map<string, Local>();
  const keep = (name: string) => {
    const local = code.vector();
    code.set(local);
    values.set(name, local);
  };
  for (const [i, name] of scalars.entries()) {
    code.get(code.scalar(i)).op('f32x4.splat');
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
      code.element(i).memory('v128.load');
      keep(name);
    }
    for (const node of inside) write(node);
    for (const [i, { value }] of results.entries()) {
      code
        .element(arrays.length + i)
        .get(values.get(value)!)
        .memory('v128.store');
    }
  });
  const summed = named.filter(({ rank }) => rank === 0);
  if (summed.length > MOST_ARRAYS) {
    throw new Error(`FusedLoop: at most ${MOST_ARRAYS} sums, got ${summed.length}`);
  }
  for (const [i, { name, value }] of summed.entries()) {
    const total = sums.get(value);
    if (total === undefined) throw new Error(`FusedLoop: output ${name} is a scalar, but no sum over an array`);
    code.zero().get(total).memory('v128.store', sumAddress(i));
  }

  return {
    scalars,
    arrays,
    results: results.map(({ name }) => name),
    sums: summed.map(({ name }) => name),
    module: new WebAssembly.Module(code.module()),
  };
}
