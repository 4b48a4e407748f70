// Export of a model of ViT-B/16's shape and random weights: seconds, processor time, peak memory and bytes of all files, each
// of which is run and compared with the engine.
//
//   npm run build && node bench/export.mjs [--json]
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportModel } from '../dist/compress/index.js';
import { watched } from './disturbance.mjs';
import { randomCheckpoint } from './models.mjs';
import { readOptions } from './options.mjs';

const values = readOptions();
const checkpoint = await randomCheckpoint('vit-b-16');
const out = mkdtempSync(join(tmpdir(), 'promptkd-export-'));
try {
  const cpu = process.cpuUsage();
  const start = performance.now();
  let result;
  const { others } = await watched(async () => {
    result = await exportModel({ model: checkpoint, out });
  });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const bytes = readdirSync(out, { recursive: true })
    .map((name) => statSync(join(out, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  const parameters = Object.values(checkpoint.params).reduce((sum, { data }) => sum + data.length, 0);
  const row = {
    ...{ parameters, seconds, processor_seconds: (user + system) / 1e6, bytes },
    peak_memory_mb: process.resourceUsage().maxRSS / 1024,
    ...{ max_difference: result.maxDifference, others_share: others },
  };
  console.log(values.json ? JSON.stringify(row) : row);
} finally {
  rmSync(out, { recursive: true });
}
