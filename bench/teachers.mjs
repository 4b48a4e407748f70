// Two teachers with different strengths against either of them alone: a student of each, and of both by several rules, on
// drawings and their outlines together (emoji?drawn=both), every seed printed. Prints a Markdown table or, with --json, each
// run's figures as it ends.
//
//   npm run build && node bench/teachers.mjs [--first models/emoji-teacher] [--second models/emoji-outline-teacher]
//     [--share 0.25] [--seeds 3] [--only first,second,equal,confidence,validated] [--views 4] [--json]
//
// --share scales every phase's steps of recipes/distill-emoji.yaml. A run that was stopped goes on from runs/teachers; the
// teachers' targets are stored once a seed, and all rules read the same ones.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { openDataset } from '../dist/data/index.js';
import { distill, distillRecipe, fusionRules, loadTeacher } from '../dist/distill/index.js';
import { evaluateModel } from '../dist/evaluate/index.js';
import { spread } from '../dist/math/index.js';
import { loadModel } from '../dist/model/index.js';
import { readOptions, someOf } from './options.mjs';

const model = (name) => fileURLToPath(new URL(`../models/${name}`, import.meta.url));
const values = readOptions({
  ...{ first: model('emoji-teacher'), second: model('emoji-outline-teacher'), out: 'runs/teachers' },
  ...{ share: '0.25', seeds: '3', views: '4', only: 'first,second,equal,confidence,validated' },
});

const rules = fusionRules.filter((rule) => rule !== 'fixed');
const names = someOf('only', values.only, ['first', 'second', ...rules]);
const dataset = await openDataset('emoji?drawn=both');
const models = { first: await loadTeacher(values.first), second: await loadTeacher(values.second) };
const recipeFile = fileURLToPath(new URL('../recipes/distill-emoji.yaml', import.meta.url));
const base = parse(readFileSync(recipeFile, 'utf8'));
for (const phase of Object.values(base.phases)) phase.steps = Math.round(phase.steps * Number(values.share));
base.data.dataset = 'emoji?drawn=both';
base.views = Number(values.views);

const rows = [];
for (let seed = 1; seed <= Number(values.seeds); seed++) {
  for (const name of names) {
    const alone = name === 'first' || name === 'second';
    const given = alone ? { teacher: models[name] } : { teacher: models.first, others: [models.second] };
    const teachers = alone ? [] : [{ model: values.first }, { model: values.second }];
    const recipe = distillRecipe.parse({ ...base, seed, teachers, ...(alone ? {} : { fusion: { rule: name } }) });
    const runDir = join(values.out, `${name}-${seed}`);
    // A teacher alone has its store where the other lays nothing; the pair's lie side by side.
    const targetsDir = join(values.out, `targets-${seed}`, alone ? name : 'both');
    const run = await distill({ ...given, dataset, recipe, runDir, targetsDir });
    const { predictions } = await evaluateModel(await loadModel(run.folder), dataset, { latencyRuns: 0 });
    const share = (some) => some.filter(({ label, top }) => top[0].label === label).length / some.length;
    const outlines = predictions.filter(({ id }) => id.startsWith('outline/'));
    rows.push({
      ...{ name, seed, mixed: share(predictions), outlines: share(outlines) },
      drawings: share(predictions.filter(({ id }) => !id.startsWith('outline/'))),
      ...(run.fusion && { fusion: { ...run.fusion, classes: undefined } }),
      train_seconds: Math.round(run.seconds),
    });
    const { mixed } = rows.at(-1);
    console.error(`${name} ${seed}: top-1 ${(mixed * 100).toFixed(1)} % in ${run.seconds.toFixed(0)} s`);
    if (values.json) console.log(JSON.stringify(rows.at(-1)));
  }
}
if (!values.json) printTables();

function printTables() {
  const percent = (x) => (x * 100).toFixed(1);
  console.log(
    '| student of | mixed test, every seed | mean ± SD | drawings | outlines |\n| --- | --- | --- | --- | --- |',
  );
  for (const name of names) {
    const own = rows.filter((row) => row.name === name);
    const of = (field) => own.map((row) => row[field]);
    const { mean, deviation } = spread(of('mixed'));
    const spreadText = deviation === undefined ? percent(mean) : `${percent(mean)} ± ${percent(deviation)}`;
    const cells = [name, of('mixed').map(percent).join(', '), spreadText];
    console.log(
      `| ${[...cells, percent(spread(of('drawings')).mean), percent(spread(of('outlines')).mean)].join(' | ')} |`,
    );
  }
  const [first] = rows.flatMap(({ fusion }) => fusion ?? []);
  if (!first) return;
  console.log(
    `\nThe teachers themselves, on ${first.images} images of ${first.split}:\n\n| answers of | top-1 |\n| --- | --- |`,
  );
  for (const { name, top1 } of first.teachers) console.log(`| ${name} | ${percent(top1.value)} |`);
  console.log(`| equal mix | ${percent(first.equal.value)} |`);
  for (const name of names) {
    const found = rows.find((row) => row.name === name)?.fusion;
    if (found) console.log(`| rule: ${name} | ${percent(found.chosen.value)} |`);
  }
  console.log(`| oracle pick | ${percent(first.oracle.value)} |`);
}
