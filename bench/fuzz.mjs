// The seeded fuzzers of the tests for as long as one wants, with a new seed each round:
//
//   node bench/fuzz.mjs [--minutes 480] [--inputs 500] [--seed 1]
//
// A round that finds something ends it: it names the parser, the seed and the file that was kept.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '480' },
    inputs: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now()) },
  },
});
const end = Date.now() + Number(values.minutes) * 60_000;
let rounds = 0;
do {
  const env = {
    ...process.env,
    PROMPTKD_FUZZ_INPUTS: values.inputs,
    PROMPTKD_FUZZ_SEED: `${values.seed}-${rounds}`,
  };
  const args = ['node_modules/vitest/vitest.mjs', 'run', 'src/test/fuzz.test.ts', '--testTimeout', '3600000'];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env });
  rounds++;
  console.log(
    JSON.stringify({ rounds, inputs_a_parser: rounds * Number(values.inputs), seed: env.PROMPTKD_FUZZ_SEED }),
  );
  if (status !== 0) process.exit(1);
} while (Date.now() < end);
