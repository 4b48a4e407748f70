// The server under load, with a public tool (autocannon): throughput and latency with batching against one by one, or
// with --soak a long mix of good and bad requests with the memory watched and every answer accounted for.
//
//   npm run build && node bench/serve.mjs [MODEL] [--seconds 8] [--connections 32] [--rounds 2] [--json]
//   node bench/serve.mjs [MODEL] --soak --seconds 600
//
// MODEL has classes of its own (export --classes); left out: the shipped student, exported for it. The server runs in a
// process of its own, as `promptkd serve` starts it; client and server share the machine.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import sharp from 'sharp';
import { openDataset } from '../dist/data/index.js';
import { withExport } from './exported-student.mjs';
import { readOptions } from './options.mjs';

const values = readOptions({ seconds: '8', connections: '32', rounds: '2', soak: false }, { positionals: 1 });
const name = values.positionals[0] ?? 'models/emoji-student';
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** Built-in test drawings as PNG files in JSON bodies. */
async function bodies(count) {
  const dataset = await openDataset('emoji');
  const chosen = dataset.splits.test.slice(0, count);
  return Promise.all(
    chosen.map(async (example) => {
      const { data, width, height, channels } = await dataset.load(example);
      const png = await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
      return JSON.stringify({ images: [png.toString('base64')], top: 1 });
    }),
  );
}

async function withServer(model, flags, use) {
  const server = spawn(process.execPath, [main, 'serve', model, '--port', '0', '--quiet', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  try {
    const [url] = await Promise.race([
      once(createInterface(server.stdout), 'line'),
      ended.then(([code]) => {
        throw new Error(`the server ended with code ${code}`);
      }),
    ]);
    return await use(url, server.pid);
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
}

const json = { 'content-type': 'application/json' };

function load(url, requests, duration) {
  return autocannon({
    url,
    connections,
    duration,
    requests: requests.map((body) => ({ method: 'POST', path: '/v1/classify', headers: json, body })),
  });
}

function figures({ requests, latency, non2xx, errors }) {
  // A refusal is quicker than an answer.
  if (non2xx + errors > 0) throw new Error(`${non2xx + errors} of ${requests.total} requests failed`);
  return { per_second: requests.average, p50_ms: latency.p50, p99_ms: latency.p99 };
}

async function compare(model) {
  const requests = await bodies(256);
  const kinds = { batched: [], one_by_one: ['--max-batch', '1', '--max-wait', '0'] };
  const runs = { batched: [], one_by_one: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [kind, flags] of Object.entries(kinds)) {
      await withServer(model, flags, async (url) => {
        await load(url, requests, 2);
        runs[kind].push(figures(await load(url, requests, seconds)));
      });
    }
  }
  const best = (kind) => runs[kind].reduce((a, b) => (b.per_second > a.per_second ? b : a));
  for (const kind of Object.keys(kinds)) {
    const least = Math.min(...runs[kind].map(({ per_second }) => per_second));
    const row = { model: name, connections, kind, ...best(kind), per_second_at_least: least };
    row.of_one_by_one = best(kind).per_second / best('one_by_one').per_second;
    console.log(values.json ? JSON.stringify(row) : row);
  }
}

/** Resident bytes of a process, where the system tells. */
function resident(pid) {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

async function soak(model) {
  const good = await bodies(64);
  const bad = [
    ['{', 400],
    ['{"images":["aaaa"]}', 415],
    [JSON.stringify({ ...JSON.parse(good[0]), model: 'nobody' }), 404],
    [JSON.stringify({ images: [JSON.parse(good[0]).images[0].slice(0, 120)] }), 400],
    [JSON.stringify({ ...JSON.parse(good[0]), threshold: 1.5 }), 400],
    [`{"images":["${'A'.repeat(20 * 2 ** 20)}"]}`, 413],
  ];
  const counts = { good: 0, busy: 0, bad: 0, hung_up: 0, lost: 0, wrong: 0 };
  const memory = [];
  await withServer(model, [], async (url, pid) => {
    const end = Date.now() + seconds * 1000;
    const ask = async (body) => {
      try {
        const response = await fetch(`${url}/v1/classify`, { method: 'POST', headers: json, body });
        await response.arrayBuffer();
        return response.status;
      } catch {
        return 0;
      }
    };
    const tally = (name) => counts[name]++;
    const clients = Array.from({ length: 16 }, async (_, c) => {
      for (let i = c; Date.now() < end; i++) {
        if (i % 5 < 4) {
          const status = await ask(good[i % good.length]);
          tally(status === 200 ? 'good' : status === 429 ? 'busy' : status === 0 ? 'lost' : 'wrong');
          continue;
        }
        // The large one rarely: sending it is most of the client's work.
        const [body, expected] = bad[i % 200 === 4 ? 5 : Math.floor(i / 5) % 5];
        const status = await ask(body);
        // A client that still sends may be cut off before it reads the refusal.
        tally(status === expected || (expected === 413 && status === 0) ? 'bad' : status === 429 ? 'busy' : 'wrong');
      }
    });
    const leavers = (async () => {
      while (Date.now() < end) {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.on('error', () => {});
        const head = `POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${good[0].length}\r\n\r\n`;
        socket.write(head + good[0].slice(0, counts.hung_up % 2 ? undefined : 20));
        await new Promise((done) => setTimeout(done, 20));
        socket.destroy();
        counts.hung_up++;
      }
    })();
    const watch = setInterval(() => memory.push(resident(pid)), 1000);
    await Promise.all([...clients, leavers]);
    clearInterval(watch);
    // The last that hung up are noticed a little later.
    await new Promise((done) => setTimeout(done, 1000));
    const text = await (await fetch(`${url}/metrics`)).text();
    counts.in_flight_after = Number(/promptkd_requests_in_flight (\d+)/.exec(text)[1]);
  });
  const mean = (part) => Math.round(part.reduce((a, b) => a + b, 0) / part.length / 2 ** 20);
  const fifth = Math.max(1, Math.floor(memory.length / 5));
  const megabytes = Array.from({ length: 5 }, (_, i) => mean(memory.slice(i * fifth, (i + 1) * fifth)));
  const row = { model: name, seconds, counts, mean_MiB_by_fifth: megabytes };
  console.log(values.json ? JSON.stringify(row) : row);
  if (counts.lost + counts.wrong + counts.in_flight_after > 0) process.exitCode = 1;
}

await withExport(values.positionals[0], values.soak ? soak : compare);
