import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Tests wait for processes and browsers of their own, a fifth of their time.
const maxWorkers = availableParallelism() + 1;

const long = process.env.PROMPTKD_TESTS === 'long';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'bench/*.test.mjs'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers,
    // Files of one worker share the modules that they load: each for itself they took a quarter of the time. So a test leaves
    // the environment as it found it.
    isolate: false,
    // A traced graph of a test runs a few times, and ONNX Runtime takes longer to rewrite it than to run it. Against the reference
    // tensors (src/test/parity), on Node 24 (.ci/run) and in `npm run test:long` graphs run as they do for users.
    env: long ? {} : { PROMPTKD_GRAPH_OPTIMIZATION: process.env.PROMPTKD_GRAPH_OPTIMIZATION ?? 'disabled' },
  },
});
