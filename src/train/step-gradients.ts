import { type CompileOptions, compile, FusedLoop, type Runnable } from '../runtime/index.js';
import { add, div, elements, type HostTensor, input, type Tensor } from '../tensor/index.js';
import { type FlatGradients, flatGradients } from './flat-gradients.js';
import { groupGradients } from './group-gradients.js';
import type { LossScale } from './loss-scale.js';
import type { Task } from './task.js';

/** What the batches of a step gave, before any clipping. */
export interface StepGradients {
  /** Means over the step's batches. */
  losses: Record<string, number>;
  /** By group: the gradients of all parameters that it reaches, means over the step's batches. The next step reuses them. */
  readonly groups: Readonly<Record<string, FlatGradients>>;
  /** Images in the step's batches. */
  images: number;
}

export interface StepGradientsOptions {
  /** Batches a step. @defaultValue 1 */
  readonly accumulate?: number;
  readonly compile?: Omit<CompileOptions, 'fixed'>;
  readonly lossScale?: LossScale;
}

const LOSS = 'loss|';
const CARRIED = 'carried|';
const gradientName = (group: string, parameter: string) => `gradient|${group}|${parameter}`;

/** Forward and backward passes of a task whose parameters are arrays of the host. */
export class StepGradientsProgram {
  private constructor(
    private readonly task: Task,
    private readonly program: Runnable,
    private readonly lossScale: LossScale | undefined,
    /** The means over a step. */
    private readonly groups: Readonly<Record<string, FlatGradients>>,
    /** What one batch gives, of a step of several. */
    private readonly single: Readonly<Record<string, FlatGradients>> | undefined,
    private readonly batches: number,
  ) {}

  static async open(
    task: Task,
    { accumulate = 1, compile: options = {}, lossScale }: StepGradientsOptions = {},
  ): Promise<StepGradientsProgram> {
    const { losses, params, frozen, carried = {}, split } = task;
    const gradients = groupGradients(task, lossScale);
    const flat = () =>
      Object.fromEntries(
        Object.entries(gradients).map(([group, reached]) => [
          group,
          flatGradients(Object.fromEntries(Object.keys(reached).map((name) => [name, elements(params[name]!.shape)]))),
        ]),
      );
    const groups = flat();
    const single = accumulate > 1 ? flat() : undefined;

    const outputs: Record<string, Tensor> = {};
    const into: Record<string, Float32Array> = {};
    const axes: Record<string, number | undefined> = {};
    for (const [name, loss] of Object.entries(losses)) outputs[LOSS + name] = loss;
    for (const [name, { after }] of Object.entries(carried)) outputs[CARRIED + name] = after;
    for (const [group, reached] of Object.entries(gradients)) {
      for (const [name, gradient] of Object.entries(reached)) {
        const output = gradientName(group, name);
        outputs[output] = gradient;
        into[output] = (single ?? groups)[group]!.byName[name]!;
        axes[output] = split?.axis(name);
      }
    }
    const fixed = Object.fromEntries(
      Object.entries(frozen).filter(([name]) => !(name in params) && !(name in carried)),
    );
    const shards = split && ((name: string) => (name in outputs ? axes[name] : split.axis(name)));
    const program = await compile({ outputs, shards, into }, { ...options, ranks: split?.ranks, fixed });
    return new StepGradientsProgram(task, program, lossScale, groups, single, accumulate);
  }

  /** Losses and gradients of a step, counted from 0, at the present parameters; carried arrays move on. */
  async step(step: number): Promise<StepGradients> {
    const { task, batches, groups, single } = this;
    const own = { ...task.params, ...task.fedAs?.(), ...this.lossScale?.feeds };
    const losses: Record<string, number> = {};
    for (let i = 0; i < batches; i++) {
      const results = await this.batch(own, step * batches + i);
      for (const name of Object.keys(task.losses)) {
        losses[name] = (losses[name] ?? 0) + results[LOSS + name]!.data[0]! / batches;
      }
      for (const [group, { flat }] of Object.entries(single ?? {})) {
        const mean = groups[group]!.flat;
        (i === 0 ? first : further).run({ one: flat, mean }, { batches }, { mean });
      }
    }
    return { losses, groups, images: batches * task.imagesPerBatch };
  }

  private async batch(own: Readonly<Record<string, HostTensor>>, n: number): Promise<Record<string, HostTensor>> {
    const carried = Object.entries(this.task.carried ?? {});
    const before = Object.fromEntries(carried.map(([name, { array }]) => [name, array]));
    const results = await this.program.run({ ...own, ...before, ...(await this.task.feeds(n)) });
    for (const [name, { array }] of carried) array.data.set(results[CARRIED + name]!.data);
    return results;
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

const share = div(input('one', ['n']), input('batches', []));
const first = new FusedLoop(() => ({ mean: share }));
const further = new FusedLoop(() => ({ mean: add(input('mean', ['n']), share) }));
