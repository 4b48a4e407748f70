// Kills every command that saves something at each of its calls that bring something to the disk (renames, syncs, writes: halves
// of them), and checks that the same call, given again, ends with the same files and leaves nothing behind. On tiny models and
// images that it makes itself; a few minutes.
//
//   npm run -s build && node bench/kill.mjs [--only distill,export] [--most 60]
//
// A command is run once, in a process that copies what stands on the disk at each such call: what a killed process leaves. Each copy
// is then gone on with, all of them in one process, as starting one takes longer than these commands. Of more than --most different
// states of a command as many are gone on with, spread evenly; --most 1000 is for a night. src/test/kill.test.ts kills processes for real.
//
// Prints a JSON object a command: calls, different states among them, how many were gone on with, and what went wrong.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { savingCommands } from './kill/commands.mjs';
import { goOn } from './kill/go-on.mjs';
import { inThisProcess } from './kill/in-this-process.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' }, most: { type: 'string', default: '4' } } });
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'promptkd-kill-'));
const at = (...parts) => join(root, ...parts);
/** What is copied: the command's output, and the cache. */
const work = at('work');
process.env.PROMPTKD_CACHE = join(work, 'cache');

async function make(args) {
  const { code, said } = await inThisProcess(args);
  if (code !== 0) throw new Error(`promptkd ${args.join(' ')}: ${said}`);
}

/** Runs a command to its end, and keeps what stood on the disk at each of its calls. */
function record(args) {
  mkdirSync(at('states'), { recursive: true });
  const recorder = `${new URL('./kill/snapshots.mjs', import.meta.url).href}?${new URLSearchParams({ of: work, to: at('states') })}`;
  const given = ['--import', recorder, path('../dist/cli/main.js'), ...args];
  const { status, stderr } = spawnSync(process.execPath, given, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`promptkd ${args.join(' ')}: ${stderr}`);
  return readdirSync(at('states'))
    .sort()
    .map((state) => at('states', state));
}

try {
  const commands = await savingCommands(at('material'), make);
  for (const name of values.only?.split(',') ?? Object.keys(commands)) {
    const began = Date.now();
    const { args, before, varies } = commands[name];
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    before?.(join(work, 'out'));
    const call = args(join(work, 'out'));
    let told;
    try {
      const states = record(call);
      told = { calls: states.length, ...(await goOn({ work, states, args: call, varies, most: Number(values.most) })) };
    } catch (error) {
      told = { wrong: [error.message] };
    }
    console.log(JSON.stringify({ command: name, ...told, seconds: Math.round((Date.now() - began) / 1000) }));
    if (told.wrong.length > 0) process.exitCode = 1;
    // Where something went wrong, its states are kept for a look.
    if (told.wrong.length === 0) rmSync(at('states'), { recursive: true, force: true });
    else renameSync(at('states'), at(`states of ${name}`));
  }
} finally {
  if (process.exitCode) console.error(`kept: ${root}`);
  else rmSync(root, { recursive: true, force: true });
}
