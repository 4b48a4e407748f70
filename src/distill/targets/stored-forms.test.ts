import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalizePixels, visionTower } from '../../clip/index.js';
import { headAverage, paramFeeds, paramInputs } from '../../nn/index.js';
import { compile } from '../../runtime/index.js';
import { input } from '../../tensor/index.js';
import { compileOptions, config, dataset, recipe, teacher } from '../../test/colours.fixture.js';
import { distill } from '../distill.js';
import { poolAttention, poolTokens } from '../losses/pool-patches.js';
import { teacherOf } from '../teacher/teacher.js';
import { ensureTargets } from './extract-targets.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-forms-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Patches of a 4 × 4 grid that lie in each cell of a 2 × 2 one, as tokens behind the class token. */
const cells = [0, 1, 2, 3].map((cell) => {
  const [top, left] = [2 * Math.floor(cell / 2), 2 * (cell % 2)];
  return [0, 1, 4, 5].map((patch) => 1 + (top + Math.floor(patch / 4)) * 4 + left + (patch % 4));
});
/** Tokens of each pooled token. */
const pooled = [[0], ...cells];
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Layer 2's features [17, 24] and layer 1's map [17, 17] of an image, by the teacher alone. */
async function live(rgb: Uint8Array) {
  const tower = visionTower(paramInputs(teacher.params), config, input('pixels', [1, 3, 16, 16]));
  const program = await compile(
    { outputs: { hidden: tower.hidden[2]!, map: headAverage(tower.attention[0]!, 17) } },
    compileOptions,
  );
  const data = new Float32Array(3 * 256);
  normalizePixels(rgb, 16, teacher.preprocess, data, 0);
  const made = await program.run({ ...paramFeeds(teacher.params), pixels: { shape: [1, 3, 16, 16], data } });
  const [hidden, map] = [Array.from(made.hidden!.data), Array.from(made.map!.data)];
  await program.dispose();
  return { hidden, map };
}

describe('teacher targets in less space', () => {
  it.each([
    { precision: 'fp8' as const, grid: undefined },
    { precision: 'fp16' as const, grid: 2 },
    { precision: 'fp8' as const, grid: 2 },
  ])('are what the teacher gives live, to their precision: $precision, grid $grid', async (form) => {
    const wanted = {
      ...{ teacher: teacherOf(teacher, { compile: compileOptions }), dataset, examples: dataset.splits.train! },
      ...{ views: 1, augment: recipe().augment, seed: 3, hidden: [1, 2], attention: [1] },
    };
    const store = await ensureTargets({ ...wanted, ...form, dir: join(root, `${form.precision}-${form.grid}`) });
    const { layout } = store;
    const record = new Uint8Array(layout.bytes);
    store.read(store.index(5, 0), record);
    const { hidden, map } = await live(layout.pixels(record));
    const groups = form.grid === undefined ? Array.from({ length: 17 }, (_, token) => [token]) : pooled;
    const expected = {
      hidden: groups.flatMap((own) =>
        Array.from({ length: 24 }, (_, k) => mean(own.map((at) => hidden[at * 24 + k]!))),
      ),
      map: groups.flatMap((queries) =>
        groups.map((keys) => mean(queries.map((q) => keys.reduce((sum, k) => sum + map[q * 17 + k]!, 0)))),
      ),
    };
    const stored = { hidden: new Float32Array(layout.hiddenSize), map: new Float32Array(layout.mapSize) };
    layout.readHidden(record, 2, stored.hidden, 0);
    layout.readAttention(record, 1, stored.map, 0);
    for (const what of ['hidden', 'map'] as const) {
      expect(stored[what]).toHaveLength(expected[what].length);
      const width = what === 'hidden' ? 24 : groups.length;
      for (const [i, value] of expected[what].entries()) {
        const row = expected[what].slice(i - (i % width), i - (i % width) + width).map(Math.abs);
        const within =
          form.precision === 'fp8'
            ? Math.max(Math.abs(value) / 16, (Math.max(...row) * 2 ** -10) / 448)
            : Math.abs(value) / 1024;
        expect(Math.abs(stored[what][i]! - value)).toBeLessThanOrEqual(within + 2e-5);
      }
    }
    store.close();
    const other = { ...form, precision: form.precision === 'fp8' ? ('fp16' as const) : ('fp8' as const) };
    await expect(ensureTargets({ ...wanted, ...other, dir: store.dir })).rejects.toThrow(/the right precision/);
  });

  it('pool to a grid that does not divide the patches, by the area of each', async () => {
    const x = input('x', [1, 17, 1]);
    const map = input('map', [1, 17, 17]);
    const program = await compile(
      { outputs: { columns: poolTokens(x, [4, 4], [3, 3]), shares: poolAttention(map, [4, 4], [3, 3]) } },
      compileOptions,
    );
    const columns = Float32Array.from({ length: 17 }, (_, i) => (i === 0 ? 9 : (i - 1) % 4));
    const rows = Float32Array.from({ length: 289 }, (_, i) => 1 + (i % 17));
    const total = 17 * 9;
    const made = await program.run({
      x: { shape: [1, 17, 1], data: columns },
      map: { shape: [1, 17, 17], data: rows.map((value) => value / total) },
    });
    // Of columns 0, 1, 2, 3 the three thirds are 0.75 · 0 + 0.25 · 1, …
    const thirds = [0.25, 1.5, 2.75];
    for (const [i, value] of [9, ...thirds, ...thirds, ...thirds].entries())
      expect(made.columns!.data[i]).toBeCloseTo(value, 5);
    for (let row = 0; row < 10; row++)
      expect(
        Array.from(made.shares!.data)
          .slice(row * 10, row * 10 + 10)
          .reduce((a, b) => a + b, 0),
      ).toBeCloseTo(1, 5);
    expect(made.shares!.data[0]).toBeCloseTo(1 / total, 6); // the class token's own share stays
    await program.dispose();
  });

  it('teach a student: its losses fall, and begin where those of whole targets do', async () => {
    const features = {
      phases: { warmup: { steps: 24, lr: 3e-3 }, prompt: { steps: 0 }, joint: { steps: 2, lr: 1e-3 } },
    };
    const learn = async (name: string, targets: object) => {
      const { history } = await distill({
        ...{ teacher, dataset, engine: compileOptions, runDir: join(root, name) },
        recipe: recipe({ ...features, targets }),
      });
      expect(Object.keys(history.at(-1)!.losses)).toEqual(expect.arrayContaining(['attention', 'cross_modal']));
      const of = (from: number, to: number) => mean(history.slice(from, to).map(({ losses }) => losses.feature!));
      return { first: of(0, 1), last: of(20, 24) };
    };
    const whole = await learn('whole', {});
    const small = await learn('fp8', { precision: 'fp8' });
    const coarse = await learn('coarse', { precision: 'fp8', grid: 2 });
    expect(Math.abs(small.first / whole.first - 1)).toBeLessThan(0.02);
    expect(Math.abs(small.last / whole.last - 1)).toBeLessThan(0.05);
    for (const { first, last } of [whole, small, coarse]) expect(last).toBeLessThan(0.9 * first);
  });

  it.each<[object, RegExp]>([
    [{ targets: { grid: 4 } }, /^targets\.grid: expected 1 to 3, fewer than the teacher's 4 patches a row, got 4/],
    [
      { targets: { grid: 2 }, phases: { warmup: { steps: 1, drop_patches: 0.5 }, joint: { steps: 1 } } },
      /^targets\.grid: .*phases\.warmup\.drop_patches/,
    ],
  ])('refuse what cannot be compared: %j', async (more, message) => {
    const run = { teacher, dataset, engine: compileOptions, runDir: join(root, 'refused') };
    await expect(distill({ ...run, recipe: recipe(more) })).rejects.toThrow(message);
  });
});
