// Drafts of reports on the built-in phantoms (synthetic): a head on the teacher, a head on the student distilled from it, and
// quantised students, over seeds, beside a constant normal report and a random one. Every seed is printed, none is chosen.
//
//   promptkd pretrain --recipe recipes/pretrain-phantoms.yaml --out runs/phantom-teacher
//   promptkd distill --recipe recipes/distill-phantoms.yaml --teacher runs/phantom-teacher --out runs/phantom-student
//   node bench/medical-report.mjs [--teacher runs/phantom-teacher --student runs/phantom-student --seeds 3 --out runs/bench-medical-report]
//
// The seed is that of head, its order of images, and the random reports; teacher and student are the same. What is there already is
// not made again.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readOptions, skip } from './options.mjs';

const values = readOptions({
  ...{ teacher: 'runs/phantom-teacher', student: 'runs/phantom-student', seeds: '3', schemes: 'int8,int4' },
  out: 'runs/bench-medical-report',
});
for (const run of [values.teacher, values.student]) {
  if (!existsSync(run)) skip(`${run}: no such run; make it first, as the head of this script says`);
}
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const place = (name) => join(values.out, name);

/** Runs a command whose JSON is kept. */
function kept(name, ...args) {
  const file = place(`${name}.json`);
  if (!existsSync(file)) {
    const { status, stdout } = spawnSync(process.execPath, [main, ...args, '--json', '--quiet', '--threads', '1'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) process.exit(status ?? 1);
    writeFileSync(file, stdout);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

mkdirSync(values.out, { recursive: true });
const results = [];
const measure = (name, seed, model, index, ...more) => {
  const figures = kept(
    `${name}-${seed}-evaluated`,
    ...['medical-report', 'evaluate', model, '--index', index, '--seed', String(seed), ...more],
  );
  results.push({ name, seed, ...figures });
};
for (let seed = 1; seed <= Number(values.seeds); seed++) {
  const [teacher, student] = [`teacher-${seed}`, `student-${seed}`];
  const index = (name, ...args) =>
    kept(name, 'medical-report', 'index', ...args, '--out', place(name), '--seed', String(seed));
  index(teacher, values.teacher);
  measure('teacher', seed, values.teacher, place(teacher));
  index(student, values.student, '--teacher', values.teacher, '--teacher-index', place(teacher));
  measure('student', seed, values.student, place(student));
  for (const scheme of values.schemes.split(',').filter(Boolean)) {
    const small = place(`student-${scheme}`);
    kept(
      `student-${scheme}`,
      ...['quantize', values.student, '--out', small, '--scheme', scheme, '--data', 'phantoms', '--images', '128'],
    );
    measure(`student ${scheme}`, seed, small, place(student), '--variant');
  }
}

if (values.json) console.log(JSON.stringify(results));
else {
  const number = (value, digits = 3) => (value === undefined ? '–' : value.toFixed(digits));
  console.log('| | seed | AUROC both / head / prompts | B-1 | B-4 | R-L | CIDEr-D | F1 micro | F1 macro | ms |');
  console.log('|---|---:|---|---:|---:|---:|---:|---:|---:|---:|');
  const line = (name, seed, text, auroc = '', ms = '') =>
    console.log(
      `| ${name} | ${seed} | ${auroc} | ${number(text.bleu[0])} | ${number(text.bleu[3])} | ${number(text.rouge_l)} | ${number(text.cider_d, 2)} | ${number(text.keyword_f1_micro)} | ${number(text.keyword_f1_macro)} | ${ms} |`,
    );
  for (const { name, seed, drafts, auroc, auroc_head, auroc_prompts, ms_per_study } of results) {
    const areas = `${number(auroc)} / ${number(auroc_head)} / ${number(auroc_prompts)}`;
    line(name, seed, drafts, areas, number(ms_per_study?.median, 1));
  }
  for (const { seed, baselines } of results.filter(({ name }) => name === 'student')) {
    line('constant normal report', seed, baselines.normal);
    line('random report', seed, baselines.random);
  }
}
