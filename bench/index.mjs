// All benchmarks through one entry. Each suite is a script of its own that prints a JSON object a line; here they run one
// after another and come out as tables in the form of docs/log.md, or as one JSON object. A suite that cannot run on
// this machine is left out, with the reason; one that fails does not stop the others, but makes the exit code 1.
//
//   npm run bench -- [--only step,memory] [--all] [--device cuda] [--json]
//   npm run bench -- --list
//
// PROMPTKD_TORCH (a Python that has PyTorch) puts PyTorch beside the suites that know it; PROMPTKD_PEERS (a folder where npm
// installed them) puts the JavaScript peers into `peers`.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { machine, machineLine } from './machine.mjs';
import { runSuite } from './run-suite.mjs';
import { listOfSuites, shortSuites, suites } from './suites.mjs';
import { table } from './table.mjs';

const program = new Command('npm run bench --')
  .description('Measure promptkd on this machine.')
  .addOption(new Option('--only <names>', 'these suites, with commas between them').argParser(suiteNames))
  .addOption(new Option('--all', 'the long suites, too').conflicts('only'))
  .addOption(new Option('--device <name>', 'what `gpu` runs on').choices(['webgpu', 'cuda']).default('webgpu'))
  .option('--list', 'list the suites and run none')
  .option('--json', 'print one JSON object at the end')
  .addHelpText('after', `\nSuites, with rough durations on two cores:\n${listOfSuites()}`)
  .allowExcessArguments(false)
  .exitOverride();
try {
  program.parse();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exit(error.exitCode === 0 ? 0 : 2);
}
const options = program.opts();
if (options.list) console.log(listOfSuites());
else await run(options.only ?? (options.all ? Object.keys(suites) : shortSuites));

function suiteNames(text) {
  const names = text.split(',');
  const unknown = names.filter((name) => !Object.hasOwn(suites, name));
  if (unknown.length === 0) return names;
  throw new InvalidArgumentError(
    `There is no suite ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}.`,
  );
}

async function run(names) {
  const print = options.json ? () => {} : console.log;
  print(`${machineLine}\n`);
  const results = {};
  for (const name of names) {
    const { script, args = [], takes = [], about } = suites[name];
    const result = await runSuite(script, [...args, ...takes.flatMap((option) => [`--${option}`, options[option]])]);
    results[name] = result;
    print(`## ${about}\n\n    npm run bench -- --only ${name}\n`);
    if (result.rows?.length > 0) print(`${table(result.rows)}\n`);
    for (const why of result.left_out ?? []) print(`Left out: ${why}\n`);
    if (result.skipped !== undefined) print(`Skipped: ${result.skipped}\n`);
    if (result.failed !== undefined) {
      print(`Failed: ${result.failed}\n`);
      process.exitCode = 1;
    }
  }
  if (options.json) console.log(JSON.stringify({ machine, results }));
}
