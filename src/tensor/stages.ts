import { collect } from './onnx.js';
import { allReduceOp } from './ops/all-reduce.js';
import { computed, type Tensor } from './tensor.js';

/** A part of a graph between two sums over the ranks. */
export interface Stage {
  /** What it computes for later stages, for sums and for the program, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** What earlier stages and sums have made, with their names. */
  readonly given: ReadonlyMap<Tensor, string>;
  /** Outputs that the ranks add up when all have come here, and the names of the sums. */
  readonly sums: readonly { readonly from: string; readonly to: string }[];
}

/** A graph cut at every `sumOverRanks`, and under which name each of its outputs is found in the end. */
export interface StagedGraph {
  readonly stages: readonly Stage[];
  readonly results: Readonly<Record<string, string>>;
}

/**
 * Cuts a graph into stages: a value belongs to the stage that all sums it depends on have been made before. Sums that
 * fall between the same two stages are made together.
 */
export function stagesOf(outputs: Readonly<Record<string, Tensor>>): StagedGraph {
  const { nodes } = collect(Object.values(outputs));
  const levels = new Map<Tensor, number>();
  const level = (tensor: Tensor) => levels.get(tensor) ?? 0;
  const name = (tensor: Tensor) => `v${tensor.id}`;
  const made: Record<string, Tensor>[] = [];
  const sums: { from: string; to: string }[][] = [];
  const given = new Map<Tensor, string>();
  const emitAt = (stage: number, tensor: Tensor) => {
    made[stage] ??= {};
    made[stage][name(tensor)] = tensor;
  };
  /** A value that a later stage needs leaves the one it is made in. */
  const carry = (tensor: Tensor) => {
    if (!tensor.node || tensor.node.op === allReduceOp) return;
    emitAt(level(tensor), tensor);
    given.set(tensor, name(tensor));
  };
  for (const node of nodes) {
    const inputs = node.inputs.map(computed);
    const start = Math.max(0, ...inputs.map(level));
    const sum = node.op === allReduceOp;
    for (const output of node.outputs) levels.set(output, sum ? start + 1 : start);
    if (sum) {
      const [from, to] = [inputs[0]!, node.outputs[0]!];
      // What is added up comes out under a name of its own: the partial sum itself may be an input or an earlier sum.
      made[start] ??= {};
      made[start][`part${to.id}`] = from;
      sums[start] ??= [];
      sums[start].push({ from: `part${to.id}`, to: name(to) });
      given.set(to, name(to));
    } else for (const input of inputs) if (level(input) < start) carry(input);
  }
  const results: Record<string, string> = {};
  for (const [output, handed] of Object.entries(outputs)) {
    const tensor = computed(handed);
    if (tensor.node?.op !== allReduceOp) emitAt(level(tensor), tensor);
    results[output] = name(tensor);
  }
  const stages = Array.from({ length: Math.max(made.length, sums.length) }, (_, i) => ({
    outputs: made[i] ?? {},
    given: new Map(
      [...given].filter(([tensor]) => level(tensor) < i || (level(tensor) === i && tensor.node!.op === allReduceOp)),
    ),
    sums: sums[i] ?? [],
  }));
  return { stages, results };
}
