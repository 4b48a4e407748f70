import { elements } from './shape.js';
import { computed, type Node, type Tensor } from './tensor.js';

/** Ops whose results are kept rather than computed again: products, and what reads far more than it makes. */
const heavy: ReadonlySet<string> = new Set(['matmul', 'linear', 'linear over open axes', 'scatterAdd']);

const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * Which values are handed from a stage to later ones, so that the fewest bytes are: the others are computed again there, out of those
 * that are handed on, where that takes no product. It is the smallest cut between products and what is needed, as in PyTorch's
 * min-cut partitioner; of several the one that leaves least to be computed again.
 *
 * @param nodes of the graph, in the order of creation
 * @param needed values that a later stage reads
 * @param isFree whether a value is at hand in every stage: inputs, constants, what comes of them alone, and sums
 */
export function carriedValues(
  nodes: readonly Node[],
  needed: ReadonlySet<Tensor>,
  isFree: (tensor: Tensor) => boolean,
): ReadonlySet<Tensor> {
  const network = new FlowNetwork();
  const [source, sink] = [network.vertex(), network.vertex()];
  const places = new Map<Tensor, number>();
  /** A value's first vertex; the next one is behind its bytes. */
  const place = (tensor: Tensor): number => {
    let at = places.get(tensor);
    if (at === undefined) {
      at = network.vertex();
      network.vertex();
      places.set(tensor, at);
      network.edge(at, at + 1, bytesOf(tensor));
      if (needed.has(tensor)) network.edge(at + 1, sink, NEVER);
    }
    return at;
  };
  for (const node of nodes) {
    const made = node.outputs.filter((tensor) => !isFree(tensor));
    if (made.length === 0) continue;
    const inputs = [...new Set(node.inputs.map(computed))].filter((tensor) => !isFree(tensor));
    for (const tensor of made) {
      if (heavy.has(node.op.name)) network.edge(source, place(tensor), NEVER);
      else for (const input of inputs) network.edge(place(input) + 1, place(tensor), NEVER);
    }
  }
  const behind = network.behindSmallestCut(source, sink);
  return new Set([...places].flatMap(([tensor, at]) => (behind[at + 1] && !behind[at] ? [tensor] : [])));
}

/** What cannot leave a session as it is, is computed again. */
const bytesOf = ({ shape, dtype }: Tensor): number =>
  dtype === 'float32' || dtype === 'int32' ? 4 * elements(shape as readonly number[]) + 1 : NEVER;

/** Edges with capacities, and the largest flow through them (Dinic 1970). */
class FlowNetwork {
  private readonly out: number[][] = [];
  private readonly to: number[] = [];
  /** What an edge can still take; of edge e, e ^ 1 is the way back. */
  private readonly room: number[] = [];

  vertex(): number {
    return this.out.push([]) - 1;
  }

  edge(from: number, to: number, room: number): void {
    this.out[from]!.push(this.to.push(to) - 1);
    this.room.push(room);
    this.out[to]!.push(this.to.push(from) - 1);
    this.room.push(0);
  }

  /** By vertex: whether it lies behind the smallest cut that is nearest to the sink. */
  behindSmallestCut(source: number, sink: number): boolean[] {
    for (let ranks = this.ranks(source); ranks[sink]! >= 0; ranks = this.ranks(source)) {
      const tried = new Int32Array(this.out.length);
      while (this.push(source, sink, ranks, tried));
    }
    const behind: boolean[] = Array(this.out.length).fill(false);
    behind[sink] = true;
    for (const stack = [sink]; stack.length > 0; ) {
      for (const e of this.out[stack.pop()!]!) {
        const before = this.to[e]!;
        if (behind[before] || this.room[e ^ 1] === 0) continue;
        behind[before] = true;
        stack.push(before);
      }
    }
    return behind;
  }

  /** Edges from the source to each vertex, by those that have room; -1 where there is no way. */
  private ranks(source: number): Int32Array {
    const ranks = new Int32Array(this.out.length).fill(-1);
    ranks[source] = 0;
    const queue = [source];
    for (const from of queue) {
      for (const e of this.out[from]!) {
        const to = this.to[e]!;
        if (this.room[e] === 0 || ranks[to]! >= 0) continue;
        ranks[to] = ranks[from]! + 1;
        queue.push(to);
      }
    }
    return ranks;
  }

  /** Sends as much as one way from the source can take. @returns whether there was one */
  private push(source: number, sink: number, ranks: Int32Array, tried: Int32Array): boolean {
    const way: number[] = [];
    for (let at = source; at !== sink; ) {
      const edges = this.out[at]!;
      const e = edges[tried[at]!];
      if (e === undefined) {
        const last = way.pop();
        if (last === undefined) return false;
        at = this.to[last ^ 1]!;
        tried[at]!++;
      } else if (this.room[e]! > 0 && ranks[this.to[e]!] === ranks[at]! + 1) {
        way.push(e);
        at = this.to[e]!;
      } else tried[at]!++;
    }
    const most = way.reduce((least, e) => Math.min(least, this.room[e]!), NEVER);
    if (most === NEVER) throw new Error('FlowNetwork: a way without bounds');
    for (const e of way) {
      // What is without bounds stays so.
      if (this.room[e] !== NEVER) this.room[e]! -= most;
      if (this.room[e ^ 1] !== NEVER) this.room[e ^ 1]! += most;
    }
    return true;
  }
}
