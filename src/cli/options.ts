import { type Command, InvalidArgumentError, Option } from 'commander';
import { dataHelp } from '../data/spec.js';
import type { LoaderOptions } from '../loader/index.js';
import { printable, printableJson } from '../printable.js';
import { devices } from '../runtime/device.js';
import { type Precision, precisions } from '../tensor/precision.js';
import { shellLines } from './terminal/help-lines.js';

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as one JSON object; progress goes to stderr as JSON lines')
    .option('--quiet', 'print nothing but the result');
}

/** `--data`: its kinds are listed in one place. */
export const dataOption = () => new Option('--data <data>', dataHelp);
export const deviceOption = () =>
  new Option('--device <name>', 'where the engine runs').choices([...devices]).default('cpu');
export const threadsOption = () =>
  new Option('--threads <n>', 'threads per operation (default: all cores)').argParser(positiveInteger);

/** @param verb what is done with the share */
export const shardOption = (verb: string) =>
  new Option('--shard <i/N>', `${verb} only this share of the images, as 3/20: for several processes or machines`);

/** What every command that trains with gradients takes about how a step is computed: fields of its recipe. */
export interface EngineOptions {
  readonly recompute?: boolean;
  readonly precision?: Precision;
  readonly accumulate?: number;
  readonly ema?: number;
}

export function withEngineOptions(command: Command): Command {
  return command
    .option(
      '--recompute',
      'gradient checkpointing: recompute inner values in the backward pass; less memory, a slower step',
    )
    .addOption(
      new Option(
        '--precision <name>',
        'mixed: products in fp16, all else in fp32, with loss scaling; slower than fp32 on a CPU',
      ).choices([...precisions]),
    )
    .option(
      '--accumulate <n>',
      'batches per step, their gradients averaged: a large batch in the memory of a small one',
      positiveInteger,
    )
    .option(
      '--ema <decay>',
      'keep an exponential moving average (EMA) of the parameters; the average is the result',
      decay,
    );
}

/** The recipe fields that they stand for. */
export const engineFlags = ({ recompute, precision, accumulate, ema }: EngineOptions) => ({
  recompute,
  precision,
  accumulate,
  ema,
});

function decay(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 0.99999)) {
    throw new InvalidArgumentError('expected a number from 0 to 0.99999, as 0.999.');
  }
  return value;
}

/** @param models what is split */
export const ranksOption = (models: string) =>
  new Option(
    '--tensor-parallel <n>',
    `split heads and hidden units of ${models} over this many workers; each has its share of the threads and with ` +
      '--device cuda a GPU of its own (webgpu is one device and takes one worker)',
  ).argParser(positiveInteger);

/** What every command takes that trains on many images. */
export interface LoaderFlags {
  readonly workers?: number;
  readonly loaderMemory: number;
}

export function withLoaderOptions(command: Command): Command {
  return command
    .option(
      '--workers <n>',
      'threads that decode and augment images; 0: the main thread (default: one less than the cores, at most 4; none for very small images)',
      wholeNumber,
    )
    .option(
      '--loader-memory <MiB>',
      'memory limit for decoded images and their views (augmented copies)',
      positiveInteger,
      512,
    );
}

export const loaderOptions = ({ workers, loaderMemory }: LoaderFlags): LoaderOptions => ({
  workers: workers ?? 'usual',
  memory: loaderMemory * 2 ** 20,
});

/** Takes the place of the templates that a command would use. */
export const promptsOption = () =>
  new Option('--prompts <file>', 'templates and weights, a file that search-prompts wrote').conflicts('templates');

/** What every command that trains takes. */
export interface RecipeOptions {
  readonly recipe?: string;
  readonly set?: readonly string[];
  readonly data?: string;
  readonly seed?: number;
}

/** What every command that trains on a data set takes. */
export interface SubsetOptions {
  readonly fraction?: number;
  readonly imbalance?: number;
}

/** Little data: the recipe checks the values. */
export function withSubsetOptions(command: Command): Command {
  return command
    .option('--fraction <share>', 'train on this share of each class, such as 0.1', positiveNumber)
    .option(
      '--imbalance <factor>',
      'make a long tail: the largest class gets this many times the images of the smallest',
      positiveNumber,
    );
}

/** The recipe fields that they stand for. */
export const subsetFlags = ({ fraction, imbalance }: SubsetOptions) => ({
  'data.fraction': fraction,
  'data.imbalance': imbalance,
});

/** `--set` may be given many times. */
export function withRecipeOptions(command: Command): Command {
  return command
    .option('--recipe <file>', 'YAML recipe, or promptkd:NAME of one that comes along; without one, its defaults')
    .option(
      '--set <field=value>',
      'override one field of the recipe; repeatable',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .option('--seed <n>', 'seed of everything random', wholeNumber);
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number.');
  return value;
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number of at least 1.');
  return value;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(Number.isFinite(value) && value > 0)) throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

/** Examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => shellLines(`promptkd ${line}`)).join('\n')}\n`;
}

/** Prints a result: for machines one JSON line, for people the lines given. */
export function printResult(options: CommonOptions, result: unknown, lines: () => string): void {
  printPainted(options, result, () => printable(lines()));
}

/** The same of lines with colours of our own, in which whatever is anybody's is `printable` already. */
export function printPainted(options: CommonOptions, result: unknown, lines: () => string): void {
  process.stdout.write(options.json ? `${printableJson(result)}\n` : `${lines()}\n`);
}
