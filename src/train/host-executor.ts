import { gradientNorm, scaleInto } from './coordinate.js';
import type { Executor, ExecutorOptions, StepReport } from './executor.js';
import { GradientSum } from './gradient-sum.js';
import { averageInto } from './moving-average.js';
import { StepGradientsProgram } from './step-gradients.js';
import type { Task } from './task.js';

/** Updates of arrays in place, with gradients that come to the host. */
export class HostExecutor implements Executor {
  readonly stepsAtOnce = 1;
  private readonly sum: GradientSum;

  private constructor(
    private readonly task: Task,
    private readonly program: StepGradientsProgram,
    private readonly options: ExecutorOptions,
  ) {
    this.sum = new GradientSum(task.groups);
  }

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
    const gradients = this.sum.of(found);
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
