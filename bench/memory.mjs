// Peak memory and time of one full training step of a ViT-B/16 (12 blocks, 201 tokens), each in a process of its own,
// and from two sizes the largest batch that fits a limit.
//
//   npm run build && node bench/memory.mjs [--batches 8,16] [--layers 12] [--tokens 201] [--limit 8] [--runs 3] [--verify]
//     [--json]
//
// `--limit` in GB (10⁹ bytes). Memory grows in proportion to the batch, so the largest batch is read off a line through
// the sizes measured; `--verify` then also runs that batch.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { batchLine } from './batch-line.mjs';
import { readOptions } from './options.mjs';

const values = readOptions({ batches: '8,16', layers: '12', tokens: '201', limit: '8', runs: '3', verify: false });
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const step = (batch, recompute) => {
  const shape = ['--layers', values.layers, '--tokens', values.tokens, '--batch', String(batch), '--runs', values.runs];
  const flags = ['bench', 'step', '--mode', 'full', ...shape, ...(recompute ? ['--recompute'] : []), '--json'];
  return JSON.parse(execFileSync(process.execPath, [main, ...flags], { encoding: 'utf8' }));
};
const row = (batch, recompute) => {
  const { ms, peak_memory_mb, images_per_second } = step(batch, recompute);
  return { recompute, batch, ms, images_per_second, peak_memory_mb };
};

for (const recompute of [false, true]) {
  const rows = values.batches.split(',').map((batch) => row(Number(batch), recompute));
  const line = batchLine(rows, Number(values.limit));
  if (values.verify) rows.push(row(line.largest_batch, recompute));
  for (const result of rows) {
    const whole = { ...result, ...line };
    console.log(values.json ? JSON.stringify(whole) : describe(whole));
  }
}

function describe({ recompute, batch, ms, peak_memory_mb, mb_an_image, largest_batch }) {
  const how = recompute ? 'recomputed' : 'kept';
  return `batch ${batch}, activations ${how}: ${ms.toFixed(0)} ms, ${peak_memory_mb.toFixed(0)} MB; ${mb_an_image.toFixed(0)} MB an image, batch ${largest_batch} in ${values.limit} GB`;
}
