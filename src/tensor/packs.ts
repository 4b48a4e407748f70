import type { OnnxEmitter } from './onnx-emitter.js';
import { concat, reshape } from './ops/layout.js';
import { elements, sameShape } from './shape.js';
import { type HostTensor, input, type Tensor } from './tensor.js';

/** Inputs of one shape that lie one after another in one array, so that what is done to all of them alike is done once. */
export interface Pack {
  /** The input that takes their place, [members, ...their shape]. */
  readonly whole: Tensor;
  readonly members: readonly Tensor[];
}

/**
 * A pack called `name`.
 *
 * Its members have one shape, as ONNX Runtime's CUDA joins and splits unequal parts by a table with an entry for each
 * position along the axis, which it makes anew at every run.
 */
export function pack(name: string, members: readonly Tensor[]): Pack {
  const { shape } = members[0]!;
  if (!members.every((member) => sameShape(member.shape, shape))) throw new Error(`pack ${name}: shapes differ`);
  return { whole: input(name, [members.length, ...shape]), members };
}

/** Values of the members' shape, in their order, as they lie in a pack. */
export function packed(values: readonly Tensor[]): Tensor {
  return concat(
    values.map((value) => reshape(value, [1, ...value.shape])),
    0,
  );
}

/** Copies the members' arrays, by name, into one for the pack. */
export function fillPack({ whole, members }: Pack, arrays: Readonly<Record<string, HostTensor>>): HostTensor {
  const shape = whole.sizes('pack');
  const data = new Float32Array(elements(shape));
  const size = data.length / members.length;
  for (const [i, { name }] of members.entries()) data.set(arrays[name!]!.data, i * size);
  return { shape, data };
}

/** Copies a pack's array into those of its members, by name. */
export function emptyPack({ members }: Pack, data: Float32Array, arrays: Readonly<Record<string, HostTensor>>): void {
  const size = data.length / members.length;
  for (const [i, { name }] of members.entries()) arrays[name!]!.data.set(data.subarray(i * size, (i + 1) * size));
}

/** @internal Writes the pack's value, called `whole`, out of its members', called by their names. */
export function emitPack(e: OnnxEmitter, { members }: Pack, whole: string): void {
  const parts = members.map((member) => {
    const part = e.name();
    e.node('Reshape', [member.name!, e.int64s([1, ...member.sizes('pack')])], [part]);
    return part;
  });
  e.node('Concat', parts, [whole], { axis: 0 });
}

/**
 * @internal Writes the members' values, called `names`, out of the pack's, called `whole`.
 *
 * @param names one a member; those without a name are not wanted
 */
export function emitMembers(e: OnnxEmitter, { members }: Pack, whole: string, names: readonly (string | undefined)[]) {
  const parts = members.map(() => e.name());
  if (e.fused) e.node('Split', [whole, e.int64s(members.map(() => 1))], parts, { axis: 0 });
  for (const [i, member] of members.entries()) {
    const name = names[i];
    if (name === undefined) continue;
    // A shader has too few bindings for an op of so many outputs.
    if (!e.fused) e.node('Slice', [whole, e.int64s([i]), e.int64s([i + 1]), e.int64s([0])], [parts[i]!]);
    e.node('Reshape', [parts[i]!, e.int64s(member.sizes('pack'))], [name]);
  }
}
