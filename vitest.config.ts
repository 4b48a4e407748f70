import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vitest/config';
import { LongestFirst } from './src/test/longest-first.js';

// Tests wait for processes and browsers of their own, a fifth of their time.
const maxWorkers = availableParallelism() + 1;

const long = process.env.PROMPTKD_TESTS === 'long';

const src = fileURLToPath(new URL('src/', import.meta.url));
const dist = fileURLToPath(new URL('dist/', import.meta.url));

/** Where `npm run build` puts a module of src/; undefined for what it leaves out. */
function builtFrom(source: string): string | undefined {
  const path = source.slice(src.length);
  const aside = ['test', 'web/page', 'web/worker'].some((room) =>
    path.startsWith(`${room.replaceAll('/', sep)}${sep}`),
  );
  if (!source.startsWith(src) || aside || !/(?<!\.test|\.fixture|\.d)\.ts$/.test(path)) return undefined;
  return join(dist, path.replace(/\.ts$/, '.js'));
}

/**
 * Tests run the modules that users run, those of dist/. Vite would compile each a second time, and commands, worker threads and
 * tests would hold different copies of it.
 *
 * @throws Error where dist/ is older than src/
 */
function asBuilt(): Plugin {
  const timeOf = (file: string) => (existsSync(file) ? statSync(file).mtimeMs : 0);
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    const built = builtFrom(join(src, name));
    if (built && timeOf(built) < timeOf(join(src, name)))
      throw new Error(`src/${name} is newer than dist/: tests run what is built, run "npm run -s build" first`);
  }
  return {
    name: 'as-built',
    enforce: 'pre',
    resolveId(id, importer) {
      if (!importer || !id.startsWith('.') || !id.endsWith('.js')) return undefined;
      return builtFrom(resolve(dirname(importer), id).replace(/\.js$/, '.ts'));
    },
  };
}

export default defineConfig({
  plugins: [asBuilt()],
  test: {
    include: ['src/**/*.test.ts', 'bench/*.test.mjs'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers,
    sequence: { sequencer: LongestFirst },
    // Files of one worker share the modules that they load: each for itself they took a quarter of the time. So a test leaves
    // the environment as it found it.
    isolate: false,
    server: { deps: { external: [new RegExp(dist.replaceAll('\\', '/').replace(/[.*+?^${}()|[\]]/g, '\\$&'))] } },
    // A traced graph of a test runs a few times, and ONNX Runtime takes longer to rewrite it than to run it. Against the reference
    // tensors (src/test/parity), on Node 24 (.ci/run) and in `npm run test:long` graphs run as they do for users.
    env: long ? {} : { PROMPTKD_GRAPH_OPTIMIZATION: process.env.PROMPTKD_GRAPH_OPTIMIZATION ?? 'disabled' },
  },
});
