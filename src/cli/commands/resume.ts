import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../../errors.js';
import { show } from '../../schema-issue.js';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

export function addResume(program: Command): void {
  const command = program
    .command('resume')
    .description('continue a stopped run; its folder holds command, models, data and recipe');
  withCommonOptions(command)
    .argument('<run>', 'run folder')
    .addHelpText('after', examples('resume runs/mine'))
    .action((run: string, options: CommonOptions) => resume(program, run, options));
}

async function resume(program: Command, folder: string, options: CommonOptions): Promise<void> {
  const { readRunRecord } = await import('../../train/index.js');
  const record = await readRunRecord(folder);
  if (!record) throw new UserError(`${folder}: expected the folder of a run, with run.json, found none`);
  const { command, invocation, state, steps } = record;
  if (state === 'finished') {
    printResult(
      options,
      { run: folder, state, steps },
      () => `${folder} has finished, after ${steps.toLocaleString('en-GB')} steps: there is nothing to go on with`,
    );
    return;
  }
  if (!invocation) {
    throw new UserError(
      `${folder}: run.json names no command line: it was begun by the library, or is part of the run in a folder above: call that again`,
    );
  }
  // The record is a file like any other: it may ask for what trains from a recipe, and for nothing else.
  const named = program.commands.find((one) => one.name() === command);
  // The arguments of a group of commands begin with one of them.
  const asked = named?.commands.find((one) => one.name() === invocation.args[0]) ?? named;
  if (!asked?.options.some(({ long }) => long === '--recipe')) {
    throw new UserError(`${folder}: run.json: command: expected one that trains from a recipe, got ${show(command)}`);
  }
  const run = resolve(folder);
  // Paths are seen from where the run was begun; on another machine there may be no such place.
  if (existsSync(invocation.folder)) process.chdir(invocation.folder);
  const here = relative(process.cwd(), run) || '.';
  const out = here.startsWith('..') ? run : here;
  const said = [...(options.json ? ['--json'] : []), ...(options.quiet ? ['--quiet'] : [])];
  const recipe = ['--recipe', join(out, 'recipe.yaml')];
  // Some commands have their run folders in a folder of their own, and know which.
  const place = asked.options.some(({ long }) => long === '--out') ? ['--out', out] : [];
  await program.parseAsync([command, ...invocation.args, ...place, ...recipe, ...said], { from: 'user' });
}
