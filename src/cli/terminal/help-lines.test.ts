import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { buildProgram } from '../program.js';
import { shellLines, wrapped } from './help-lines.js';

/** The help of a command and of all below it, by name. */
function helpOf(command: Command, name: string): [string, string][] {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  const below = command.commands.filter((one) => one.name() !== 'help');
  return [[name, text], ...below.flatMap((one) => helpOf(one, `${name} ${one.name()}`))];
}

it.each(helpOf(buildProgram(), 'promptkd'))('%s --help fits 80 columns, examples too', (_name, help) => {
  expect(help.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
});

it('breaks a command where a shell goes on, and an option stays with its value', () => {
  const command = `promptkd distill --teacher my-clip --data "folder:my photos" --out runs/mine --preset quick --plan`;
  const lines = shellLines(command).split('\n');
  expect(lines).toEqual([
    '  $ promptkd distill --teacher my-clip --data "folder:my photos" \\',
    '      --out runs/mine --preset quick --plan',
  ]);
  expect(shellLines('promptkd demo')).toBe('  $ promptkd demo');
});

it('wraps words, and indents what follows', () => {
  expect(wrapped(`${'word '.repeat(20)}end\n\nmore`, '  ')).toBe(
    `${'word '.repeat(15)}word\n  ${'word '.repeat(4)}end\n\nmore`,
  );
});
