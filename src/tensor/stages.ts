import { carriedValues } from './carried-values.js';
import { collect } from './onnx.js';
import { allReduceOp, processSumOp } from './ops/all-reduce.js';
import { computed, type Tensor } from './tensor.js';

/** A sum between two stages: which output is added up, over what, and the name of the sum. */
export interface StageSum {
  readonly from: string;
  readonly to: string;
  readonly over: 'ranks' | 'processes';
}

/** A part of a graph between two sums over ranks or processes. */
export interface Stage {
  /** What it computes for later stages, for sums and for the program, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** What earlier stages and sums have made, with their names. */
  readonly given: ReadonlyMap<Tensor, string>;
  /** What is added up when all have come here. */
  readonly sums: readonly StageSum[];
}

/** A graph cut at every `sumOverRanks` and `sumOverProcesses`, and under which name each of its outputs is found in the end. */
export interface StagedGraph {
  readonly stages: readonly Stage[];
  readonly results: Readonly<Record<string, string>>;
}

const sumOps: ReadonlySet<unknown> = new Set([allReduceOp, processSumOp]);
const isSum = ({ node }: Tensor) => node !== undefined && sumOps.has(node.op);

/**
 * Cuts a graph into stages: a value belongs to the stage that all sums it depends on have been made before. Sums that
 * fall between the same two stages are made together. Of what later stages need, the fewest bytes leave the stage that they are made in
 * (see `carriedValues`). What depends on constants and `fixed` inputs alone stands in every stage that
 * reads it: ONNX Runtime computes it once, as the session opens, where from stage to stage it would be copied at every run.
 *
 * @param fixed names of inputs that never change
 */
export function stagesOf(
  outputs: Readonly<Record<string, Tensor>>,
  fixed: Readonly<Record<string, unknown>> = {},
): StagedGraph {
  const { nodes } = collect(Object.values(outputs));
  const still = new Set<Tensor>();
  const isStill = (tensor: Tensor) => still.has(tensor) || (!tensor.node && (!tensor.name || tensor.name in fixed));
  const levels = new Map<Tensor, number>();
  const level = (tensor: Tensor) => levels.get(tensor) ?? 0;
  const name = (tensor: Tensor) => `v${tensor.id}`;
  const made: Record<string, Tensor>[] = [];
  const sums: StageSum[][] = [];
  const given = new Map<Tensor, string>();
  const emitAt = (stage: number, tensor: Tensor) => {
    made[stage] ??= {};
    made[stage][name(tensor)] = tensor;
  };
  const isFree = (tensor: Tensor) => !tensor.node || isSum(tensor) || still.has(tensor);
  /** What a later stage than its own reads. */
  const needed = new Set<Tensor>();
  for (const node of nodes) {
    const inputs = node.inputs.map(computed);
    const start = Math.max(0, ...inputs.map(level));
    const sum = sumOps.has(node.op);
    if (!sum && inputs.every(isStill)) for (const output of node.outputs) still.add(output);
    for (const output of node.outputs) levels.set(output, sum ? start + 1 : start);
    if (sum) {
      const [from, to] = [inputs[0]!, node.outputs[0]!];
      // What is added up comes out under a name of its own: the partial sum itself may be an input or an earlier sum.
      made[start] ??= {};
      made[start][`part${to.id}`] = from;
      sums[start] ??= [];
      sums[start].push({
        from: `part${to.id}`,
        to: name(to),
        over: node.op === allReduceOp ? 'ranks' : 'processes',
      });
      given.set(to, name(to));
    } else for (const input of inputs) if (level(input) < start && !isFree(input)) needed.add(input);
  }
  for (const tensor of carriedValues(nodes, needed, isFree)) {
    emitAt(level(tensor), tensor);
    given.set(tensor, name(tensor));
  }
  const results: Record<string, string> = {};
  for (const [output, handed] of Object.entries(outputs)) {
    const tensor = computed(handed);
    if (!isSum(tensor)) emitAt(level(tensor), tensor);
    results[output] = name(tensor);
  }
  const stages = Array.from({ length: Math.max(made.length, sums.length) }, (_, i) => ({
    outputs: made[i] ?? {},
    given: new Map([...given].filter(([tensor]) => level(tensor) < i || (level(tensor) === i && isSum(tensor)))),
    sums: sums[i] ?? [],
  }));
  return { stages, results };
}
