// What a benchmark is told on its command line, and how it says that it cannot run.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { askForHugePages } from '../dist/runtime/huge-pages.js';

// As the command line does.
askForHugePages();

/**
 * The options of the script that runs, by name; `--json` is one of every script's. `--help` prints the comment at its top.
 * What is not known ends it with a sentence and exit code 2.
 *
 * @param defaults texts, `false` for switches, undefined for what may be left out
 */
export function readOptions(defaults = {}, { positionals: most = 0 } = {}) {
  const options = {
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  };
  for (const [name, value] of Object.entries(defaults)) {
    options[name] = {
      type: value === false ? 'boolean' : 'string',
      ...(value === undefined ? {} : { default: value }),
    };
  }
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: most > 0 });
    if (positionals.length > most) throw new Error(`expected no more than ${most} arguments before the options`);
    if (values.help) {
      console.log(comment());
      process.exit(0);
    }
    return { ...values, positionals };
  } catch (error) {
    usage(error.message);
  }
}

/** Ends a script that was asked for something that there is not. */
export function usage(message) {
  console.error(`${basename(process.argv[1])}: ${message}; --help lists its options`);
  process.exit(2);
}

/** Some of `known`, as a script is told with commas between them; anything else ends it. */
export function someOf(option, text, known) {
  const names = text.split(',');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) usage(`--${option} ${unknown.join(',')}: expected some of ${known.join(', ')}`);
  return names;
}

/** Ends a script that cannot run on this machine: its suite is left out, with the reason, and the others go on. */
export function skip(why) {
  console.log(process.argv.includes('--json') ? JSON.stringify({ skipped: why }) : `skipped: ${why}`);
  process.exit(0);
}

/** Says that a part of the benchmark is not run here, and why; the rest goes on. */
export function leaveOut(why) {
  if (process.argv.includes('--json')) console.log(JSON.stringify({ left_out: why }));
  else console.error(`left out: ${why}`);
}

/** The comment that the script begins with. */
function comment() {
  const lines = readFileSync(process.argv[1], 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}
