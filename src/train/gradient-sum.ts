import { coordinate } from './coordinate.js';
import { type FlatGradients, flatGradients } from './flat-gradients.js';
import type { StepGradients } from './step-gradients.js';
import type { GradientGroup } from './task.js';

/** Clips the gradients of a task's groups and adds them: see `coordinate`. */
export class GradientSum {
  /** Where several groups' gradients are added, or limited ones are scaled. */
  private sum: FlatGradients | undefined;

  constructor(private readonly groups: readonly GradientGroup[]) {}

  /** @returns gradients that the next call overwrites; of a single group without a limit its own */
  of({ groups }: Pick<StepGradients, 'groups'>): FlatGradients {
    const [only, another] = this.groups;
    if (only && !another && only.clip === undefined) return groups[only.name]!;
    const sizes = Object.values(groups).flatMap(({ byName }) =>
      Object.entries(byName).map(([name, g]) => [name, g.length] as const),
    );
    this.sum ??= flatGradients(Object.fromEntries(sizes));
    coordinate(
      this.groups.map(({ name, clip }) => ({ gradients: groups[name]!.byName, clip })),
      this.sum.byName,
    );
    return this.sum;
  }
}
