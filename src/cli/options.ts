import { type Command, InvalidArgumentError, Option } from 'commander';
import { devices } from '../runtime/device.js';

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

export const deviceOption = () =>
  new Option('--device <name>', 'where the engine runs').choices([...devices]).default('cpu');
export const threadsOption = () =>
  new Option('--threads <n>', 'threads of one op (default: all cores)').argParser(positiveInteger);

/** `--set` may be given many times. */
export const setOption = () =>
  new Option('--set <field=value>', 'override one field of the recipe; repeatable').argParser(
    (value: string, before: string[] | undefined) => [...(before ?? []), value],
  );

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number of at least 1.');
  return value;
}

/** Examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ promptkd ${line}`).join('\n')}\n`;
}

/** Prints a result: for machines one JSON line, for people the lines given. */
export function printResult(options: CommonOptions, result: unknown, lines: () => string): void {
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${lines()}\n`);
}
