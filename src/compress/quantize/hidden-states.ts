import type { TowerResult } from '../../clip/index.js';
import { modelWeights, type TowerModel } from '../../model/index.js';
import { compile } from '../../runtime/index.js';
import { type HostTensor, inputsOf, type Tensor } from '../../tensor/index.js';

/** The input that the hidden state at the cut is fed to. */
const STATE = 'state';

/**
 * A tower's hidden state at a cut, kept of everything that it reads, [batch, tokens, width] a batch: what stands before the
 * cut is not computed again.
 */
export class HiddenStates {
  /** Of the tower's hidden states; −1 before the first. */
  private cut = -1;
  private states: HostTensor[] = [];

  /** @param read what the tower is fed of a batch, beside the weights */
  constructor(
    private readonly tower: TowerResult,
    private readonly batches: number,
    private readonly read: (batch: number) => Record<string, HostTensor>,
  ) {}

  /** For programs that go on from the cut. */
  get given(): ReadonlyMap<Tensor, string> {
    return new Map(this.cut < 0 ? [] : [[this.tower.hidden[this.cut]!, STATE]]);
  }

  /** What such a program is fed of a batch, beside the weights. */
  feeds(batch: number): Record<string, HostTensor> {
    const state = this.states[batch];
    return { ...this.read(batch), ...(state && { [STATE]: state }) };
  }

  /**
   * Moves the cut, forward from where it stands or back to a tower's start.
   *
   * @returns whether it moved
   */
  async moveTo(cut: number, student: TowerModel, signal?: AbortSignal): Promise<boolean> {
    if (cut === this.cut) return false;
    if (cut < this.cut) [this.cut, this.states] = [-1, []];
    if (cut >= 0) {
      const program = await compile({ outputs: { next: this.tower.hidden[cut]! }, given: this.given });
      try {
        const weights = modelWeights(student);
        for (let batch = 0; batch < this.batches; batch++) {
          signal?.throwIfAborted();
          const { shape, data } = (await program.run({ ...weights, ...this.feeds(batch) })).next!;
          const before = this.states[batch];
          if (before?.data.length === data.length) before.data.set(data);
          else this.states[batch] = { shape, data: data.slice() };
        }
      } finally {
        await program.dispose();
      }
    }
    this.cut = cut;
    return true;
  }
}

/** The last hidden state before a tensor. */
export function cutBefore({ hidden }: TowerResult, { id }: Tensor): number {
  // Tensors are numbered in the order in which they were traced.
  return hidden.findLastIndex((state) => state.id < id);
}

/** For each of a tower's inputs, by name, the last hidden state that does not depend on it; −1 where all do. */
export function cutsOfInputs({ hidden, embed }: TowerResult): Map<string, number> {
  const cuts = new Map(Object.keys(inputsOf(embed)).map((name) => [name, hidden.length - 1]));
  for (let k = hidden.length - 1; k >= 0; k--) {
    for (const name of Object.keys(inputsOf(hidden[k]!))) cuts.set(name, k - 1);
  }
  return cuts;
}
