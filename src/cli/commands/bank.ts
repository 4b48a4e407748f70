import type { Command } from 'commander';
import { type CommonOptions, examples, printResult, withCommonOptions } from '../options.js';

export function addBank(program: Command): void {
  const group = program
    .command('bank')
    .description('show a prompt memory bank, merge two, or forget a task')
    .addHelpText('after', examples('bank show pets', 'bank merge pets birds --out animals', 'bank forget pets dogs'));
  withCommonOptions(group.command('show').description('list what a bank holds for each task, with sizes'))
    .argument('<bank>', 'folder of the bank')
    .addHelpText('after', examples('bank show pets', 'bank show pets --json'))
    .action(show);
  withCommonOptions(group.command('merge').description('merge two banks of the same student into one'))
    .argument('<first>', 'folder of a bank')
    .argument('<second>', 'folder of the other bank')
    .requiredOption('--out <folder>', 'folder of the new bank')
    .addHelpText('after', examples('bank merge pets birds --out animals'))
    .action(merge);
  withCommonOptions(group.command('forget').description('forget a task; the others stay bit for bit'))
    .argument('<bank>', 'folder of the bank')
    .argument('<task>', 'name of the task')
    .addHelpText('after', examples('bank forget pets dogs'))
    .action(forget);
}

async function show(folder: string, options: CommonOptions): Promise<void> {
  const [{ readBank }, { bankJson, bankTable }] = await Promise.all([
    import('../../bank/index.js'),
    import('../output/bank.js'),
  ]);
  const shown = await bankJson(folder, await readBank(folder));
  printResult(options, shown, () => bankTable(shown));
}

interface MergeOptions extends CommonOptions {
  readonly out: string;
}

async function merge(first: string, second: string, options: MergeOptions): Promise<void> {
  const [{ isBank, mergeBanks, readBank, saveBank }, { UserError }] = await Promise.all([
    import('../../bank/index.js'),
    import('../../errors.js'),
  ]);
  const { out } = options;
  if (isBank(out)) throw new UserError(`--out ${out}: expected a folder without a bank: nothing is merged into one`);
  const merged = mergeBanks(await readBank(first), await readBank(second));
  await saveBank(out, merged);
  const tasks = merged.tasks.map(({ name }) => name);
  printResult(options, { out, tasks }, () => `${out}: a bank of ${tasks.length} tasks: ${tasks.join(', ')}`);
}

async function forget(folder: string, task: string, options: CommonOptions): Promise<void> {
  const { changingBank, forgetTask, readBank, saveBank } = await import('../../bank/index.js');
  await readBank(folder); // nothing is written where there is none
  const { bank, sharedStays } = await changingBank(folder, async () => {
    const rest = forgetTask(await readBank(folder), task);
    await saveBank(folder, rest.bank);
    return rest;
  });
  const tasks = bank.tasks.map(({ name }) => name);
  printResult(options, { bank: folder, forgotten: task, tasks, shared_stays: sharedStays }, () =>
    [
      `${folder}: ${task} is taken out; ${tasks.length === 0 ? 'no task is left' : `left: ${tasks.join(', ')}`}`,
      ...(sharedStays
        ? ['weights that all tasks share stay as they are: what the task taught them cannot be taken back']
        : []),
    ].join('\n'),
  );
}
