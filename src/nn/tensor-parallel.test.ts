import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../math/random.js';
import { elements, type HostTensor } from '../tensor/index.js';
import type { Params } from './index.js';

// Worker threads run what is built, and so must the graphs that are made for them.
const built = (room: string) => new URL(`../../dist/${room}/index.js`, import.meta.url);
let nn: typeof import('./index.js');
let t: typeof import('../tensor/index.js');
let runtime: typeof import('../runtime/index.js');

const [width, layers, heads] = [16, 2, 4];
const random = new Random('tensor parallel');
const draw = (...shape: number[]): HostTensor => ({
  shape,
  data: Float32Array.from({ length: elements(shape) }, () => random.normal() * 0.3),
});
const params: Params = {};
for (let layer = 0; layer < layers; layer++) {
  const name = `tower.layers.${layer}`;
  const dense = (part: string, from: number, to: number) => {
    params[`${name}.${part}.weight`] = draw(to, from);
    params[`${name}.${part}.bias`] = draw(to);
  };
  for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) dense(`self_attn.${part}`, width, width);
  dense('mlp.fc1', width, 2 * width);
  dense('mlp.fc2', 2 * width, width);
  for (const part of ['layer_norm1', 'layer_norm2']) {
    params[`${name}.${part}.weight`] = draw(width);
    params[`${name}.${part}.bias`] = draw(width);
  }
}
const pixels = draw(2, 5, width);

/** Loss of the output and of an attention map, and the gradients of everything; the first block may be frozen. */
async function step(ranks: number, options: { recompute?: boolean; frozen?: boolean } = {}) {
  const p = nn.paramInputs(params, 'student/', ranks);
  const x = t.input('x', [2, 5, width]);
  const result = nn.encoder(p, 'tower', x, layers, {
    ...{ heads, activation: 'quick_gelu', eps: 1e-5, ranks, recompute: options.recompute },
    last: { pick: (tokens) => t.slice(tokens, 1, 0, 1) },
  });
  const map = nn.headAverage(result.attention[0]!, 4, ranks);
  const loss = t.add(t.mean(t.square(result.output)), t.mean(t.square(map)));
  const frozen = Object.keys(params).filter((name) => options.frozen && name.includes('layers.0'));
  const names = ['x', ...Object.keys(params).filter((name) => !frozen.includes(name))];
  const gradients = t.grad(loss, [x, ...names.slice(1).map((name) => p[name]!)]);
  const outputs = Object.fromEntries(names.map((name, i) => [`d/${name}`, gradients[i]!]));
  const held = Object.fromEntries(frozen.map((name) => [`student/${name}`, params[name]!]));
  const program = await runtime.compile(
    { outputs: { loss, ...outputs }, shards: (name) => nn.shardAxis(name) },
    { threads: 1, ranks, fixed: held },
  );
  const feeds = { ...nn.paramFeeds(params, 'student/'), x: pixels };
  await program.run(feeds); // the second run meets the other set of shared slots
  const values = await program.run(feeds);
  const kept = Object.fromEntries(
    Object.entries(values).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  await expect(program.run({ x: pixels })).rejects.toThrow(/is missing/);
  await program.dispose();
  return kept;
}

describe('tensor parallelism', () => {
  beforeAll(async () => {
    if (!existsSync(built('nn'))) throw new Error('Workers are tested as built: run "npm run build" first');
    [nn, t, runtime] = await Promise.all(['nn', 'tensor', 'runtime'].map((room) => import(built(room).href)));
  });

  it.each<[number, { recompute?: boolean; frozen?: boolean }]>([
    [2, {}],
    [4, {}],
    [2, { recompute: true, frozen: true }],
  ])('gives the gradients of one rank on %i: %o', async (ranks, options) => {
    const [whole, split] = [await step(1, { frozen: options.frozen }), await step(ranks, options)];
    expect(Object.keys(split)).toEqual(Object.keys(whole));
    for (const [name, { shape, data }] of Object.entries(whole)) {
      expect(split[name]!.shape, name).toEqual(shape);
      const far = Math.max(...data.map((value, i) => Math.abs(value - split[name]!.data[i]!)));
      expect(far, name).toBeLessThan(1e-5);
    }
  });

  it('stops with the error of a rank that fails', async () => {
    const x = t.input('x', [2], 'int32');
    const table = t.input('table', [3, 2]);
    const y = t.sumOverRanks(t.gather(table, x));
    const program = await runtime.compile({ outputs: { y }, shards: () => undefined }, { ranks: 2, threads: 1 });
    const feeds = { x: { shape: [2], data: Int32Array.of(0, 7) }, table: draw(3, 2) };
    await expect(program.run(feeds)).rejects.toThrow(/indices element out of data bounds|out of/);
  });
});
