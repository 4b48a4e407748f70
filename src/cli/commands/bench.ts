import { type Command, Option } from 'commander';
import { type BenchMode, benchModes } from '../../evaluate/bench-modes.js';
import type { Device } from '../../runtime/index.js';
import {
  type CommonOptions,
  deviceOption,
  type EngineOptions,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
} from '../options.js';
import { interruptSignal } from '../terminal/interrupt.js';

interface StepOptions extends CommonOptions, EngineOptions {
  readonly mode: BenchMode;
  readonly batch: number;
  readonly layers: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  readonly runs: number;
  readonly device: Device;
  readonly threads?: number;
}

export function addBench(program: Command): void {
  const bench = program.command('bench').description('measure the engine on this machine');
  const number = (flag: string, about: string, value: number) =>
    new Option(`--${flag} <n>`, about).argParser(positiveInteger).default(value);
  withEngineOptions(
    withCommonOptions(bench.command('step').description('time one training step of a stack of ViT blocks')),
  )
    .addOption(
      new Option(
        '--mode <mode>',
        'forward: no gradients; prompts: gradient to the input through frozen weights; full: all gradients and SGD',
      )
        .choices([...benchModes])
        .default('prompts'),
    )
    .addOption(number('batch', 'images per step', 8))
    .addOption(number('layers', 'blocks', 4))
    .addOption(number('tokens', 'tokens per image', 201))
    .addOption(number('width', 'width of a token', 768))
    .addOption(number('heads', 'attention heads', 12))
    .addOption(number('runs', 'timed steps; the median is printed', 7))
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'bench step',
        'bench step --mode full --json',
        'bench step --mode full --recompute',
        'bench step --batch 8 --layers 4 --tokens 201 --width 768 --heads 12 --mode forward',
      ),
    )
    .action(async (options: StepOptions) => {
      const { benchStep, peakGflops } = await import('../../evaluate/index.js');
      const step = await benchStep({ ...options, signal: interruptSignal() });
      const peak = await peakGflops(options);
      const result = { ...step, peak_gflops: peak, share_of_peak: step.gflops / peak };
      printResult(options, result, () =>
        [
          `${step.mode}: ${step.ms.toFixed(1)} ms a step, ${step.gflops.toFixed(1)} GFLOP/s, ${step.images_per_second.toFixed(2)} images/s`,
          `${(result.share_of_peak * 100).toFixed(0)} % of the ${peak.toFixed(0)} GFLOP/s of the fastest matrix product; ${step.peak_memory_mb.toFixed(0)} MB at most`,
        ].join('\n'),
      );
    });
}
