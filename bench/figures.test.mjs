import { expect, it } from 'vitest';
import { figures, measure } from './figures.mjs';

const all = Object.keys(figures);
/** Rows as the scripts print them, each ratio the next of these. */
const printed = {
  'step.mjs': ([prompts, full, share]) => [
    { mode: 'prompts', share_of_peak: share, ratio: prompts },
    { mode: 'full', share_of_peak: 0.5, ratio: full },
  ],
  'distill.mjs': ([whole]) => [{ ratio: 0.9, whole_ratio: whole }],
  'stored-targets.mjs': ([ratio]) => [{ live_ratio: 3, ratio }],
  'extract.mjs': ([torch]) => [
    { side: 'promptkd', promptkd_faster: 1 },
    { side: 'torch', promptkd_faster: torch },
  ],
};
const rounds = {
  'step.mjs': [
    [1.3, 1, 0.9],
    [1.1, 1.1, 0.8],
    [1.2, 1.04, 0.88],
  ],
  'distill.mjs': [[1.4], [1.6], [1.5]],
  'stored-targets.mjs': [[4.5], [3.9], [6]],
  'extract.mjs': [[1.1], [1.14], [1.3]],
};

it('takes scripts in turn, and the median of each figure’s rounds', async () => {
  const calls = [];
  const run = async (script, args) => {
    calls.push([script, args]);
    return { rows: printed[script](rounds[script][Math.floor((calls.length - 1) / 4)]) };
  };
  const { rows, failures } = await measure(all, 3, { run });
  const turn = ['step.mjs', 'distill.mjs', 'stored-targets.mjs', 'extract.mjs'];
  expect(calls.map(([script]) => script)).toEqual([...turn, ...turn, ...turn]);
  expect(calls[0][1]).toEqual(['--rounds', '1', '--mode', 'prompts,full']);
  expect(failures).toEqual([]);
  const got = rows.map(({ at_least, median, least, most, rounds, reached }) => [
    ...[at_least, median, least, most, rounds, reached],
  ]);
  expect(got).toEqual([
    [1.2, 1.2, 1.1, 1.3, 3, true],
    [1.05, 1.04, 1, 1.1, 3, false],
    [1.5, 1.5, 1.4, 1.6, 3, true],
    [4, 4.5, 3.9, 6, 3, true],
    [1.15, 1.14, 1.1, 1.3, 3, false],
    [0.88, 0.88, 0.8, 0.9, 3, true],
  ]);
});

it('goes on where a script fails, keeps what it gave, and says so', async () => {
  const said = [];
  let round = 0;
  const run = async (script) => {
    if (script === 'extract.mjs') return { rows: [], failed: 'no such thing' };
    const rows = printed[script](rounds[script][round++]);
    return round === 2 ? { rows: rows.slice(0, 1), failed: 'killed by SIGKILL' } : { rows };
  };
  const { rows, failures } = await measure(['full', 'extract', 'peak'], 2, { run, say: (line) => said.push(line) });
  expect(rows.map(({ work, ...rest }) => rest)).toEqual([
    { at_least: 1.05, median: 1, least: 1, most: 1, rounds: 1, reached: false },
    { at_least: 1.15, rounds: 0 },
    { at_least: 0.88, median: expect.closeTo(0.85), least: 0.8, most: 0.9, rounds: 2, reached: false },
  ]);
  expect(failures).toEqual([
    'extract.mjs in round 1: no such thing',
    'step.mjs in round 2: killed by SIGKILL',
    'extract.mjs in round 2: no such thing',
  ]);
  expect(said[2]).toMatch(/^round 2, step\.mjs, 0 s: peak 0\.800, failed: killed by SIGKILL$/);
});

it('takes a script that prints no figure for one that failed', async () => {
  const { rows, failures } = await measure(['whole'], 1, { run: async () => ({ rows: [{ ratio: 1 }] }) });
  expect(rows[0].rounds).toBe(0);
  expect(failures).toEqual(['distill.mjs in round 1: it printed no figure for whole']);
});
