import { type Command, Option } from 'commander';
import { type BenchMode, benchModes } from '../../evaluate/bench-modes.js';
import type { Device } from '../../runtime/index.js';
import { interruptSignal } from '../interrupt.js';
import {
  type CommonOptions,
  deviceOption,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  withCommonOptions,
} from '../options.js';

interface StepOptions extends CommonOptions {
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
  withCommonOptions(bench.command('step').description('time one training step of a stack of ViT blocks'))
    .addOption(
      new Option(
        '--mode <mode>',
        'forward: no gradients; prompts: gradient to the input through frozen weights; full: all gradients and SGD',
      )
        .choices([...benchModes])
        .default('prompts'),
    )
    .addOption(number('batch', 'images a step', 8))
    .addOption(number('layers', 'blocks', 4))
    .addOption(number('tokens', 'tokens an image', 201))
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
        'bench step --batch 8 --layers 4 --tokens 201 --width 768 --heads 12 --mode forward',
      ),
    )
    .action(async (options: StepOptions) => {
      const { benchStep } = await import('../../evaluate/bench-step.js');
      const result = await benchStep({ ...options, signal: interruptSignal() });
      printResult(
        options,
        result,
        () =>
          `${result.mode}: ${result.ms.toFixed(1)} ms a step, ${result.gflops.toFixed(1)} GFLOP/s, ${result.images_per_second.toFixed(2)} images/s`,
      );
    });
}
