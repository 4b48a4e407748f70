import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Vitest leaves one core to itself: of two that is half of the time, as most tests wait for processes of their own.
const maxWorkers = Math.max(2, availableParallelism() - 1);

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
    // A graph of a test runs a few times: ONNX Runtime's rewriting of it took a third of the whole suite's time. Against the
    // reference tensors (src/test/parity), on Node 24 (.ci/run) and in `npm run test:long` graphs run as they do for users.
    env: long ? {} : { PROMPTKD_GRAPH_OPTIMIZATION: process.env.PROMPTKD_GRAPH_OPTIMIZATION ?? 'disabled' },
  },
});
