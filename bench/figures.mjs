// The figures that promptkd is to reach, each of which a script of its own measures, and how they come out of several rounds.
import { median } from '../dist/math/quantile.js';
import { runSuite } from './run-suite.mjs';

const ofMode = (mode, field) => (rows) => rows.find((row) => row.mode === mode)?.[field];

/**
 * By name: what is measured, what is asked for at least, the script, and the figure in its rows. A `mode` is what `step.mjs`
 * is to run; those that are `alone` need no PyTorch.
 */
export const figures = {
  prompts: {
    ...{ work: '`prompts` step, ViT-B/16 block stack, against PyTorch', atLeast: 1.2 },
    ...{ script: 'step.mjs', mode: 'prompts', of: ofMode('prompts', 'ratio') },
  },
  full: {
    ...{ work: '`full` step, ViT-B/16 block stack, against PyTorch', atLeast: 1.05 },
    ...{ script: 'step.mjs', mode: 'full', of: ofMode('full', 'ratio') },
  },
  whole: {
    ...{ work: 'whole distillation, images a second, the drawings’ pair, against PyTorch', atLeast: 1.5 },
    ...{ script: 'distill.mjs', of: ([row]) => row?.whole_ratio },
  },
  stored: {
    work: 'CVPR 2024 step, ViT-L/14 → ViT-B/16, stored targets, against both teacher towers every step in PyTorch',
    ...{ atLeast: 4, script: 'stored-targets.mjs', of: ([row]) => row?.ratio },
  },
  extract: {
    ...{ work: 'teacher extraction, ViT-B/16, against PyTorch inference', atLeast: 1.15 },
    ...{ script: 'extract.mjs', of: (rows) => rows.find(({ side }) => side === 'torch')?.promptkd_faster },
  },
  peak: {
    ...{ work: 'share of the measured peak, `prompts` step', atLeast: 0.88, alone: true },
    ...{ script: 'step.mjs', mode: 'prompts', of: ofMode('prompts', 'share_of_peak') },
  },
};

/** What each script is told for one round. 16 images are two batches of a ViT-L/14 teacher, the fewest that can be timed. */
const roundOf = {
  'step.mjs': ['--rounds', '1'],
  'distill.mjs': ['--rounds', '3'],
  'stored-targets.mjs': ['--rounds', '1', '--images', '16', '--views', '1'],
  'extract.mjs': ['--rounds', '3'],
};

/**
 * Runs the scripts of these figures one after the other, so many rounds, so that a slow while of the machine does not meet
 * one of them alone. A figure is the median of its rounds. Where a script fails, the others go on.
 *
 * @param run as `runSuite`
 * @param say is told what each script gave
 * @returns `rows`, one a figure, without a median where no round gave it; `failures`, a sentence each
 */
export async function measure(names, rounds, { run = runSuite, say = () => {} } = {}) {
  const values = Object.fromEntries(names.map((name) => [name, []]));
  const failures = [];
  const scripts = new Set(names.map((name) => figures[name].script));
  for (let round = 1; round <= rounds; round++) {
    for (const script of scripts) {
      const wanted = names.filter((name) => figures[name].script === script);
      const start = performance.now();
      const { given, failed } = await once(script, wanted, run);
      const seconds = Math.round((performance.now() - start) / 1000);
      const results = Object.entries(given).map(([name, value]) => `${name} ${value.toFixed(3)}`);
      for (const [name, value] of Object.entries(given)) values[name].push(value);
      if (failed !== undefined) {
        failures.push(`${script} in round ${round}: ${failed}`);
        results.push(`failed: ${failed}`);
      }
      say(`round ${round}, ${script}, ${seconds} s: ${results.join(', ')}`);
    }
  }
  return { rows: names.map((name) => row(figures[name], values[name])), failures };
}

/** What one run of a script gave: figures by name, and why those that are not there are not. */
async function once(script, wanted, run) {
  const modes = new Set(wanted.flatMap((name) => figures[name].mode ?? []));
  const args = modes.size > 0 ? ['--mode', [...modes].join(',')] : [];
  const { rows = [], failed, skipped } = await run(script, [...roundOf[script], ...args]);
  const given = {};
  for (const name of wanted) {
    const value = figures[name].of(rows);
    if (Number.isFinite(value)) given[name] = value;
  }
  const missing = wanted.filter((name) => given[name] === undefined);
  const silent = missing.length > 0 ? `it printed no figure for ${missing.join(', ')}` : undefined;
  return { given, failed: failed ?? skipped ?? silent };
}

function row({ work, atLeast }, values) {
  const asked = { work, at_least: atLeast };
  if (values.length === 0) return { ...asked, rounds: 0 };
  const middle = median(values);
  const spread = { median: middle, least: Math.min(...values), most: Math.max(...values), rounds: values.length };
  return { ...asked, ...spread, reached: middle >= atLeast };
}
