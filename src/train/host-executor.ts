import { coordinate, gradientNorm, scaleInto } from './coordinate.js';
import type { Executor, ExecutorOptions, StepReport } from './executor.js';
import { type FlatGradients, flatGradients } from './flat-gradients.js';
import { averageInto } from './moving-average.js';
import { type StepGradients, StepGradientsProgram } from './step-gradients.js';
import type { Task } from './task.js';

/** Updates of arrays in place, with gradients that come to the host. */
export class HostExecutor implements Executor {
  readonly stepsAtOnce = 1;
  /** Where several groups' gradients are added, or limited ones are scaled. */
  private sum: FlatGradients | undefined;

  private constructor(
    private readonly task: Task,
    private readonly program: StepGradientsProgram,
    private readonly options: ExecutorOptions,
  ) {}

  static async open(task: Task, options: ExecutorOptions): Promise<HostExecutor> {
    return new HostExecutor(task, await StepGradientsProgram.open(task, options), options);
  }

  async run(from: number, count: number): Promise<StepReport[]> {
    const reports: StepReport[] = [];
    for (let step = from; step < from + count; step++) reports.push(await this.update(step));
    return reports;
  }

  private async update(step: number): Promise<StepReport> {
    const { task, options } = this;
    const { optimizer, learningRate, clipNorm, lossScale, average, reduce } = options;
    const found = await this.program.step(step);
    await reduce?.(found);
    const { losses, images } = found;
    const gradients = this.coordinated(found);
    const norm = gradientNorm(gradients.byName);
    const scale = lossScale?.value;
    const skipped = lossScale?.settle(Number.isFinite(norm)) === false;
    if (!skipped) {
      if (clipNorm !== undefined && norm > clipNorm) scaleInto(gradients.flat, clipNorm / norm, gradients.flat);
      optimizer.update(gradients.byName, learningRate(step), step - (lossScale?.skippedSteps ?? 0));
      this.bound();
      if (average) averageInto(average.params, task.params, average.keep(step));
    }
    return { losses, gradientNorm: norm, skipped, images, ...(scale !== undefined && { lossScale: scale }) };
  }

  private coordinated({ groups }: StepGradients): FlatGradients {
    const limits = this.task.groups;
    const [only, another] = limits;
    if (only && !another && only.clip === undefined) return groups[only.name]!;
    this.sum ??= flatGradients(
      Object.fromEntries(
        Object.values(groups).flatMap(({ byName }) => Object.entries(byName).map(([name, g]) => [name, g.length])),
      ),
    );
    const parts = limits.map(({ name, clip }) => ({ gradients: groups[name]!.byName, clip }));
    coordinate(parts, this.sum.byName);
    return this.sum;
  }

  private bound(): void {
    const { params, bounds = {} } = this.task;
    for (const [name, bound] of Object.entries(bounds)) {
      const data = params[name]?.data;
      for (let i = 0; data && i < data.length; i++) data[i] = Math.min(data[i]!, bound);
    }
  }

  /** The arrays are what is trained. */
  async read(): Promise<void> {}

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}
