// How long a detector takes for an image, on one thread: its exported file, as an edge device would run it.
//
//   node bench/defects-latency.mjs DETECTOR… [--images 40]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OnnxFile } from '../dist/runtime/index.js';
import { detectorOnnx, loadDetector } from '../dist/tasks/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { images: { type: 'string', default: '40' } },
});
const folder = mkdtempSync(join(tmpdir(), 'defects-latency-'));
console.log('| detector | p50, ms | p95, ms | CPU, ms | file, MB | memory of the process, MB |');
console.log('|---|---:|---:|---:|---:|---:|');
for (const name of positionals) {
  const detector = await loadDetector(name);
  const bytes = detectorOnnx(detector);
  const path = join(folder, 'detector.onnx');
  writeFileSync(path, bytes);
  const file = await OnnxFile.open(path, { threads: 1 });
  const [height, width] = detector.size ?? [256, 256];
  const image = { shape: [1, height, width, 3], data: new Uint8Array(height * width * 3).fill(120) };
  for (let i = 0; i < 5; i++) await file.run({ image });
  const times = [];
  const before = process.cpuUsage();
  for (let i = 0; i < Number(values.images); i++) {
    const start = performance.now();
    await file.run({ image });
    times.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor(share * (times.length - 1))].toFixed(1);
  const cpu = ((user + system) / 1000 / times.length).toFixed(1);
  const memory = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
  console.log(`| ${name} | ${at(0.5)} | ${at(0.95)} | ${cpu} | ${(bytes.length / 1e6).toFixed(1)} | ${memory} |`);
  await file.dispose();
}
rmSync(folder, { recursive: true, force: true });
