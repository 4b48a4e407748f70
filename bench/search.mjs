// Time of a search among 100,000 embeddings of 512 numbers: node bench/search.mjs [images] [width]. Needs dist/ (npm run build).
// Rows are random, about 200 centres, as embeddings of photos are; time does not depend on what stands in them.
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeEmbedManifest } from '../dist/embed/manifest.js';
import { writePart } from '../dist/embed/parts.js';
import { SearchIndex } from '../dist/index.js';

const [images = 100_000, width = 512] = process.argv.slice(2).map(Number);
const part = 4096;
const folder = await mkdtemp(join(tmpdir(), 'promptkd-bench-search-'));

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return state / 2 ** 31;
};
const centres = Array.from({ length: 200 }, () => Float32Array.from({ length: width }, random));
const row = (i) => {
  const values = centres[i % 200].map((x) => x + random());
  const length = Math.hypot(...values);
  return values.map((x) => x / length);
};

try {
  const manifest = { format: 'npy', dtype: 'f16', width };
  const about = {
    version: 1,
    model: 'bench',
    fingerprint: 'bench',
    preprocess: '{}',
    texts: false,
    datasets: ['bench'],
  };
  await writeEmbedManifest(folder, { ...about, ...manifest });
  for (let from = 0; from < images; from += part) {
    const count = Math.min(part, images - from);
    const data = new Float32Array(count * width);
    for (let i = 0; i < count; i++) data.set(row(from + i), i * width);
    const records = Array.from({ length: count }, (_, i) => {
      const id = `photos/${from + i}.jpg`;
      return { id, dataset: 'bench', image_path: id, caption: `photo ${i}`, captions: '[]', split: 'test' };
    });
    await writePart(
      folder,
      `0000_${String(from / part).padStart(6, '0')}`,
      { records, images: { data, count, width } },
      manifest,
    );
  }
  const began = performance.now();
  const index = await SearchIndex.open(folder);
  const opened = performance.now() - began;
  const times = [];
  const cpu = process.cpuUsage();
  for (let i = 0; i < 100; i++) {
    const query = { data: row(i), count: 1, width };
    const start = performance.now();
    await index.nearest(query, 10);
    times.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(cpu);
  const sorted = times.slice(10).sort((a, b) => a - b);
  const at = (q) => Number(sorted[Math.floor(q * (sorted.length - 1))].toFixed(1));
  console.log(
    JSON.stringify({
      images: index.count,
      width,
      opened_ms: Math.round(opened),
      query_ms: { least: at(0), median: at(0.5), p95: at(0.95) },
      cpu_ms_a_query: Number(((user + system) / 1000 / times.length).toFixed(1)),
      resident_mb: Math.round(process.memoryUsage().rss / 1e6),
      load: loadavg()[0],
    }),
  );
} finally {
  await rm(folder, { recursive: true });
}
