// The seeded fuzzers of the tests for as long as one wants, with a new seed each round:
//
//   node bench/fuzz.mjs [--minutes 480] [--inputs 500] [--seed 1]
//
// A round that finds something ends it: it names the parser, the seed and the file that was kept.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '480' },
    inputs: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now()) },
  },
});
const end = Date.now() + Number(values.minutes) * 60_000;
/** Vitest waits a minute for its worker to start, which is little on a machine that is busy with other things. */
const mostStarts = 20;
const folder = mkdtempSync(join(tmpdir(), 'promptkd-fuzz-night-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const report = join(folder, 'report.json');
let rounds = 0;
let starts = 0;
do {
  const env = {
    ...process.env,
    PROMPTKD_FUZZ_INPUTS: values.inputs,
    PROMPTKD_FUZZ_SEED: `${values.seed}-${rounds}`,
  };
  const args = ['node_modules/vitest/vitest.mjs', 'run', 'src/test/fuzz.test.ts', '--testTimeout', '3600000'];
  args.push('--hookTimeout', '3600000', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`);
  rmSync(report, { force: true });
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
  if (status !== 0 && !anyTest() && ++starts < mostStarts) {
    console.log('no test was started: the machine is busy; once more');
    continue;
  }
  starts = 0;
  rounds++;
  console.log(
    JSON.stringify({ rounds, inputs_a_parser: rounds * Number(values.inputs), seed: env.PROMPTKD_FUZZ_SEED }),
  );
  if (status !== 0) process.exit(1);
} while (Date.now() < end);

/** Whether a test was run, whatever became of it. */
function anyTest() {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).numTotalTests > 0;
  } catch {
    return false;
  }
}
