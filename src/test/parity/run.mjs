// The parity suite alone, on the folder of golden tensors that is given: npm run parity -- DIR
import { resolve } from 'node:path';
import { startVitest } from 'vitest/node';

const [folder = 'fixtures/golden', ...more] = process.argv.slice(2);
if (more.length > 0 || folder.startsWith('-')) {
  console.error(`parity: expected one folder of golden tensors, got ${process.argv.slice(2).join(' ')}`);
  process.exit(2);
}
// npm runs scripts in the project; a relative folder is meant from where the user stands.
const golden = resolve(process.argv[2] && process.env.INIT_CWD ? process.env.INIT_CWD : '.', folder);
console.log(
  `Golden tensors: ${golden}\nBounds: |a - b| <= 1e-4 + 1e-3 |b|; gradients: 1e-4 of their tensor's largest + 1e-6 of all; pixels: mean difference <= 0.02`,
);

const marks = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' };
const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
const lines = {
  onTestCaseResult(test) {
    const { state, errors, note } = test.result();
    counts[state]++;
    const what = state === 'failed' ? errors[0]?.message : (note ?? test.meta().parity ?? '');
    console.log(`${marks[state]}  ${test.fullName.replace(' > ', ' ').padEnd(52)}  ${what}`);
  },
  onTestRunEnd(modules, errors) {
    const failures = [...errors, ...modules.flatMap((module) => module.errors())];
    for (const message of new Set(failures.map((error) => error.message))) console.error(message);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  },
};
const vitest = await startVitest('test', ['src/test/parity'], {
  watch: false,
  reporters: [lines],
  env: { PROMPTKD_GOLDEN: golden },
});
await vitest.close();
