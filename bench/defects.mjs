// Measures surface inspection on the built-in `surfaces`: modes, models, products, seeds, each with its figures by kind and
// size of defect. What is measured already stands in OUT/results.jsonl and is not measured again.
//
//   node bench/defects.mjs --out runs/defects [--seeds 3] [--models NAME=FOLDER,…, the name untrained for random weights] [--modes few-shot] [--products metal] [--dtype q8]
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { initClip } from '../dist/clip/towers/initialise.js';
import { loadTowerModel } from '../dist/model/index.js';
import { evaluateDefects, fitDetector, openDefectData, productOf } from '../dist/tasks/index.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/defects' },
    seeds: { type: 'string', default: '3' },
    models: { type: 'string', default: 'student=models/emoji-student,teacher=models/emoji-teacher' },
    modes: { type: 'string', default: 'few-shot' },
    products: { type: 'string', default: '' },
    shots: { type: 'string', default: '8' },
    side: { type: 'string', default: '192' },
    dtype: { type: 'string', default: 'fp32' },
  },
});
const list = (text) => text.split(',').filter(Boolean);
mkdirSync(values.out, { recursive: true });
const file = join(values.out, 'results.jsonl');
const known = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  : [];
const dataset = await openDefectData('surfaces');
const products = list(values.products).length ? list(values.products) : dataset.products.map(({ name }) => name);

for (const mode of list(values.modes)) {
  for (const entry of list(values.models)) {
    const [name, folder] = entry.split('=');
    let model;
    for (let seed = 0; seed < (mode === 'zero-shot' ? 1 : Number(values.seeds)); seed++) {
      for (const one of products) {
        const key = { mode, model: name, product: one, seed, shots: Number(values.shots), side: Number(values.side) };
        if (values.dtype !== 'fp32') key.model = `${name} ${values.dtype}`;
        if (known.some((row) => Object.entries(key).every(([field, value]) => row[field] === value))) continue;
        model ??= await loadTowerModel(folder, 'inspecting');
        // The same tower as it starts: what its features are worth before it is taught anything.
        if (name === 'untrained') model = { ...model, params: initClip(model.config, 1), prompts: undefined };
        const last = model.config.vision_config.num_hidden_layers;
        const options = {
          ...{
            model,
            dataset,
            product: productOf(dataset, one),
            seed,
            shots: key.shots,
            coreset: 0.2,
            dtype: values.dtype,
            falseAlarms: 50,
          },
          view: { side: key.side, overlap: 0, layers: [Math.max(1, Math.round((2 * last) / 3)), last] },
          threads: 1,
        };
        const { detector } = await fitDetector(mode, options);
        const { image, pixel, atThreshold, byKind, bySize, skipped } = await evaluateDefects(detector, options);
        const row = { ...key, image, pixel, atThreshold, byKind, bySize, skipped: skipped.length };
        appendFileSync(file, `${JSON.stringify(row)}\n`);
        known.push(row);
        process.stderr.write(`${mode} ${key.model} ${one} seed ${seed}: image AUROC ${image.auroc.toFixed(3)}\n`);
      }
    }
  }
}

const percent = (x) => (100 * x).toFixed(1);
const mean = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length;
const groups = Map.groupBy
  ? Map.groupBy(known, ({ mode, model }) => `${mode} ${model}`)
  : known.reduce(
      (all, row) => all.set(`${row.mode} ${row.model}`, [...(all.get(`${row.mode} ${row.model}`) ?? []), row]),
      new Map(),
    );
console.log(
  '| mode, model | product | image AUROC by seed | AP | pixel AUROC | AUPRO | oracle F1 | recall at precision 0.99 | false alarms per 1,000 | found |',
);
console.log('|---|---|---|---:|---:|---:|---:|---:|---:|---:|');
for (const [name, rows] of groups) {
  for (const one of [...products, 'all']) {
    const own = rows.filter(({ product }) => one === 'all' || product === one);
    if (own.length === 0) continue;
    const seeds = [...new Set(own.map(({ seed }) => seed))];
    const bySeed = seeds.map((seed) =>
      percent(mean(own.filter((row) => row.seed === seed).map((row) => row.image.auroc))),
    );
    const of = (read) => percent(mean(own.map(read)));
    console.log(
      `| ${name} | ${one} | ${bySeed.join(', ')} | ${of((r) => r.image.averagePrecision)} | ${of((r) => r.pixel.auroc)} | ${of((r) => r.pixel.aupro)} | ${of((r) => r.image.oracleF1.f1)} | ${of((r) => r.image.recallAtPrecision['0.99'])} | ${(1000 * mean(own.map((r) => r.atThreshold.falseAlarms.value))).toFixed(0)} | ${of((r) => r.atThreshold.found.value)} |`,
    );
  }
  for (const grouping of ['byKind', 'bySize']) {
    const names = [...new Set(rows.flatMap((row) => Object.keys(row[grouping])))];
    const cells = names.map((kind) => {
      const found = rows.flatMap((row) =>
        row[grouping][kind]?.auroc === undefined ? [] : [row[grouping][kind].auroc],
      );
      return `${kind} ${percent(mean(found))}`;
    });
    console.log(
      `| ${name} | ${grouping === 'byKind' ? 'by kind, image AUROC' : 'by size, image AUROC'} | ${cells.join('; ')} | | | | | | | |`,
    );
  }
}
