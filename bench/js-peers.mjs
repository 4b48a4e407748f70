// A matrix product and a training step of one ViT-B/16 block beside the JavaScript libraries for the same: TensorFlow.js with
// its WASM backend and jax-js. Inputs are the same, and the numbers must agree before anything is timed.
//
//   npm install --prefix DIR @tensorflow/tfjs @tensorflow/tfjs-backend-wasm @jax-js/jax
//   npm run build && PROMPTKD_PEERS=DIR node bench/js-peers.mjs [--host chromium,node] [--work product,…] [--rounds 3] [--json]
//
// In Chromium both have as many threads as there are cores, as promptkd has in Node. In Node neither has more than one, and
// jax-js's block needs Node 22.
import { learningRate, openBlockStep } from '../dist/evaluate/bench-step.js';
import { compile } from '../dist/runtime/index.js';
import { input, matmul } from '../dist/tensor/index.js';
import { noChromium } from './browser.mjs';
import { findPeers, hosts } from './js-hosts.mjs';
import { leaveOut, readOptions, skip, someOf } from './options.mjs';
import { alternate, threads } from './peers.mjs';

const values = readOptions({
  ...{ host: 'chromium', work: 'product,forward,prompts,full', rounds: '3' },
  ...{ size: '2048', batch: '8', tokens: '201', width: '768', heads: '12' },
});
const [size, batch, tokens, width, heads] = ['size', 'batch', 'tokens', 'width', 'heads'].map((n) => Number(values[n]));
const asked = someOf('host', values.host, Object.keys(hosts));
const hostNames = noChromium ? asked.filter((host) => host !== 'chromium') : asked;
const works = someOf('work', values.work, ['product', 'forward', 'prompts', 'full']);
if (hostNames.length === 0) skip(noChromium);
if (hostNames.length < asked.length) leaveOut(noChromium);
const libraries = { tfjs: 'tfjs.mjs', 'jax-js': 'jax-js.mjs' };

/** Our own side of a work: its inputs, and a run. */
async function openOurs(work) {
  if (work !== 'product') return openBlockStep({ mode: work, batch, tokens, width, heads, layers: 1, threads });
  const [a, b] = ['a', 'b'].map((name) => input(name, [size, size]));
  const program = await compile({ outputs: { c: matmul(a, b) } }, { threads });
  const filled = (step) => Float32Array.from({ length: size ** 2 }, (_, i) => Math.sin(i * step));
  const feeds = {
    a: { shape: [size, size], data: filled(0.37) },
    b: { shape: [size, size], data: filled(0.73) },
  };
  return { feeds, run: () => program.run(feeds), dispose: () => program.dispose() };
}

/** The largest difference of two results, as a share of the largest number of each. @throws where it is over 1e-3 */
function agree(what, ours, theirs) {
  let most = 0;
  for (const [name, data] of ours) {
    // Zero but for rounding: a softmax does not see what is added to all its scores.
    if (name.endsWith('k_proj.bias')) continue;
    const other = theirs[name];
    if (other?.length !== data.length)
      throw new Error(`${what}: ${name} has ${data.length} numbers here, ${other?.length} there`);
    let [difference, largest] = [0, 0];
    for (const [i, value] of data.entries()) {
      difference = Math.max(difference, Math.abs(value - other[i]));
      largest = Math.max(largest, Math.abs(value));
    }
    // Written so that NaN does not pass.
    if (!(difference <= 1e-3 * largest)) {
      throw new Error(`${what}: ${name} differs by ${difference}, its largest is ${largest}: not the same computation`);
    }
    most = Math.max(most, difference / largest);
  }
  return most;
}

const found = [];
for (const [library, file] of Object.entries(libraries)) {
  const { packages } = await import(`./peers/${file}`);
  const folder = findPeers(packages);
  if (folder) found.push({ library, file, folder });
}
for (const host of hostNames) {
  for (const work of works) {
    const peers = [];
    const ours = await openOurs(work);
    try {
      for (const row of await compare(host, work, ours, peers)) console.log(values.json ? JSON.stringify(row) : row);
    } finally {
      await ours.dispose();
      for (const { peer } of peers) await peer.close();
    }
  }
}

/** Rows of one work, one for each library; what is opened is put into `peers`. */
async function compare(host, work, ours, peers) {
  const copy = Object.entries(ours.feeds).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]);
  const job = { work, heads, learningRate, tensors: Object.fromEntries(copy) };
  const wanted = Object.entries(await ours.run()).map(([name, { data }]) => [name, Float32Array.from(data)]);
  for (const { library, file, folder } of found) {
    const peer = await hosts[host](folder, file);
    const opened = { library, peer };
    peers.push(opened);
    await peer.start(job);
    opened.difference = agree(`${work}, ${library}`, wanted, await peer.read());
  }
  const sides = {
    promptkd: async () => {
      const start = performance.now();
      await ours.run();
      return performance.now() - start;
    },
    ...Object.fromEntries(peers.map(({ library, peer }) => [library, () => peer.time()])),
  };
  const ms = await alternate(sides, Number(values.rounds), { peer: { ids: peers.flatMap(({ peer }) => peer.ids) } });
  if (peers.length === 0) return [{ work, promptkd_ms: ms.promptkd }];
  return peers.map(({ library, peer, difference }) => ({
    ...{ work, library, host, threads: peer.threads, promptkd_ms: ms.promptkd, peer_ms: ms[library] },
    ...{ ratio: ms[library] / ms.promptkd, difference },
  }));
}
