import { type Group, madeByFirst } from '../group/index.js';
import type { Params } from '../nn/index.js';
import type { RunState } from './checkpoint-state.js';
import type { StepGradients } from './step-gradients.js';

/**
 * Adds up what the processes of a group found in a step: gradients, losses and images, each process's share of them. Whether one of
 * them wants to stop rides along, so that all leave after the same step.
 */
export class GroupReduce {
  /** Whether a process wanted to stop when the last step was added up. */
  stops = false;

  /** @param wantsStop of this process */
  constructor(
    private readonly group: Group,
    private readonly wantsStop: () => boolean,
  ) {}

  readonly reduce = (step: StepGradients): void => {
    const { group } = this;
    for (const { flat } of Object.values(step.groups)) group.allReduce(flat);
    const names = Object.keys(step.losses);
    const figures = Float32Array.from([
      Number(this.wantsStop()),
      step.images,
      ...names.map((name) => step.losses[name]!),
    ]);
    group.allReduce(figures);
    this.stops = figures[0]! > 0;
    step.images = figures[1]!;
    for (const [i, name] of names.entries()) step.losses[name] = figures[2 + i]!;
  };
}

/**
 * Brings all processes to where the first one stands, which alone has read the state: its arrays and whatever `found` says.
 *
 * @param found of the first process; not called in others
 */
export async function shareState<T>(
  group: Group,
  state: RunState,
  found: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { start } = await madeByFirst(group, async () => ({ start: await found() }));
  const sections: readonly Params[] = [state.params, state.optimizer, state.task, state.averaged];
  for (const section of sections) {
    for (const { data } of Object.values(section)) {
      group.broadcast(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return start;
}
