// The six figures that promptkd is to reach, in one run on one machine: step.mjs, distill.mjs, stored-targets.mjs and
// extract.mjs in turn, for several rounds; median, least and most of the rounds beside what is asked for.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/targets.mjs [--rounds 3] [--only prompts,peak] [--json]
//
// A round takes four to five minutes on two cores. Names for --only: prompts, full, whole, stored, extract, peak. All but
// `peak` are measured against PyTorch and left out without it. A script that fails is reported, and makes the exit code 1.
import { figures, measure } from './figures.mjs';
import { machineLine } from './machine.mjs';
import { leaveOut, readOptions, skip, someOf, usage } from './options.mjs';
import { findTorch } from './peers.mjs';
import { table } from './table.mjs';

const all = Object.keys(figures);
const { rounds, only, json } = readOptions({ rounds: '3', only: all.join(',') });
if (!/^[1-9]\d*$/.test(rounds)) usage(`--rounds ${rounds}: expected a whole number from 1`);
const asked = someOf('only', only, all);
const hasTorch = asked.every((name) => figures[name].alone) || findTorch() !== undefined;
const names = all.filter((name) => asked.includes(name) && (hasTorch || figures[name].alone));
const without = asked.filter((name) => !names.includes(name)).join(', ');
if (names.length === 0) skip(`${without}: measured against PyTorch, which is not here`);
if (without !== '') leaveOut(`${without}: measured against PyTorch`);

const { rows, failures } = await measure(names, Number(rounds), { say: console.error });
if (json) for (const row of rows) console.log(JSON.stringify(row));
else console.log(`\n${machineLine}\n\n${table(rows)}`);
for (const failure of failures) console.error(`Error: ${failure}`);
if (failures.length > 0) process.exitCode = 1;
