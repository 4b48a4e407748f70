import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it, vi } from 'vitest';
import { add, gather, grad, input, linear, mean, mul, sigmoid, square, sum } from '../tensor/index.js';
import { optimizedGraphs } from '../test/optimized.fixture.js';
import { parseDevice } from './device.js';
import { compile } from './program.js';
import { sessionOptions } from './session.js';

optimizedGraphs();

describe('Program', () => {
  it('sees parameters that JavaScript updates in place, and reuses its output arrays', async () => {
    const x = input('x', [3]);
    const program = await compile({ outputs: { y: mul(x, 2) } });
    const feed = { shape: [3], data: Float32Array.of(1, 2, 3) };
    const first = await program.run({ x: feed });
    expect([...first.y!.data]).toEqual([2, 4, 6]);
    feed.data[0] = 10;
    const second = await program.run({ x: feed });
    expect([...second.y!.data]).toEqual([20, 4, 6]);
    expect(second.y!.data).toBe(first.y!.data);
    await program.dispose();
  });

  it('names a missing input and one of the wrong size', async () => {
    const program = await compile({ outputs: { y: add(input('left', [2]), input('right', [2])) } });
    const two = { shape: [2], data: Float32Array.of(1, 2) };
    await expect(program.run({ left: two })).rejects.toThrow(/input right \[2\] is missing/);
    await expect(program.run({ left: two, right: { shape: [3], data: new Float32Array(3) } })).rejects.toThrow(
      /input right expects float32 \[2\]/,
    );
    await program.dispose();
  });

  it('refuses a level of optimisation that there is not', async () => {
    vi.stubEnv('PROMPTKD_GRAPH_OPTIMIZATION', 'most');
    const program = compile({ outputs: { y: mul(input('x', [3]), 2) } });
    await expect(program).rejects.toThrow(
      'PROMPTKD_GRAPH_OPTIMIZATION: expected one of all, extended, basic, disabled, got "most"',
    );
    vi.stubEnv('PROMPTKD_GRAPH_OPTIMIZATION', 'all');
  });

  it('writes the graph as it is traced, as it runs, and a profile of its runs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'promptkd-program-'));
    const [traced, run] = [join(folder, 'traced.onnx'), join(folder, 'run.onnx')];
    const x = input('x', [2, 3]);
    const paths = { tracedModelPath: traced, optimizedModelPath: run, profilePrefix: join(folder, 'profile') };
    const program = await compile({ outputs: { y: mul(x, sigmoid(mul(x, 1.702))) } }, paths);
    await program.run({ x: { shape: [2, 3], data: new Float32Array(6) } });
    await program.dispose();
    const kinds = async (file: string) => {
      const { graph } = fromBinary(ModelProtoSchema, await readFile(file));
      return graph!.node.map(({ opType }) => opType).sort();
    };
    expect(await kinds(traced)).toEqual(expect.arrayContaining(['Mul', 'Mul', 'Sigmoid']));
    expect(await kinds(run)).toEqual(['QuickGelu']);
    const profile = (await readdir(folder)).find((name) => /^profile_.*\.json$/.test(name))!;
    expect(await readFile(join(folder, profile), 'utf8')).toContain('"op_name" : "QuickGelu"');
    await rm(folder, { recursive: true });
  });

  it('leaves the cores to others between runs', async () => {
    const [x, w] = [input('x', [64, 512]), input('w', [512, 512])];
    const program = await compile({ outputs: { y: linear(x, w) } });
    const filled = (rows: number) => ({ shape: [rows, 512], data: new Float32Array(rows * 512).fill(0.1) });
    const feeds = { x: filled(64), w: filled(512) };
    for (let run = 0; run < 10; run++) await program.run(feeds);
    const before = process.cpuUsage();
    await setTimeout(100);
    const { user, system } = process.cpuUsage(before);
    // In microseconds; threads that wait for more work spin for 40 ms.
    expect(user + system).toBeLessThan(20_000);
    await program.dispose();
  });

  it('refuses two inputs of one name', async () => {
    await expect(compile({ outputs: { y: add(input('x', [1]), input('x', [1])) } })).rejects.toThrow(
      /two inputs are called x/,
    );
  });

  it('takes values within the graph as given', async () => {
    const [x, w] = [input('x', [2]), input('w', [2])];
    const middle = mul(x, w);
    const program = await compile({ outputs: { y: add(middle, w) }, given: new Map([[middle, 'middle']]) });
    expect(program.inputs.map(({ name }) => name).sort()).toEqual(['middle', 'w']);
    const two = (...values: number[]) => ({ shape: [2], data: Float32Array.from(values) });
    const { y } = await program.run({ middle: two(5, 6), w: two(1, 2) });
    expect([...y!.data]).toEqual([6, 8]);
    await program.dispose();
  });

  it('does not grow over 1,000 training steps', async () => {
    const [x, w] = [input('x', [128, 256]), input('w', [256, 256])];
    const loss = mean(square(linear(x, w)));
    const [g] = grad(loss, [w]);
    const program = await compile({ outputs: { loss, g: g! } }, { threads: 1 });
    const weights = { shape: [256, 256], data: new Float32Array(256 * 256).fill(0.01) };
    const step = async () => {
      const batch = { shape: [128, 256], data: new Float32Array(128 * 256).fill(1) };
      const out = await program.run({ x: batch, w: weights });
      for (let i = 0; i < weights.data.length; i++) weights.data[i]! -= 1e-3 * out.g!.data[i]!;
    };
    for (let i = 0; i < 200; i++) await step();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 1000; i++) await step();
    // One gradient kept a step would be 256 MB and one batch 128; some batches wait for the garbage collector.
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
    await program.dispose();
  });

  it('frees what ONNX Runtime returns beside the arrays it filled, without waiting for the garbage collector', async () => {
    const x = input('x', [2 ** 20]);
    const program = await compile({ outputs: { y: mul(x, 2) } });
    const feed = { shape: [2 ** 20], data: new Float32Array(2 ** 20).fill(3) };
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 5; i++) expect((await program.run({ x: feed })).y!.data[7]).toBe(6);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 22);
    await program.dispose();
  });

  it('asks for all cores unless told how many', () => {
    expect(sessionOptions('cpu', {}).intraOpNumThreads).toBe(availableParallelism());
    expect(sessionOptions('cpu', { threads: 1 }).intraOpNumThreads).toBe(1);
  });

  it.each([5, 500])('holds %i rows of a fixed input itself, with the same result', async (rows) => {
    const [x, w, ids] = [input('x', [3, 4]), input('w', [rows, 4]), input('ids', [3], 'int32')];
    const y = add(sum(linear(x, w), [1]), sum(gather(w, ids), [1]));
    const outputs = { y, dx: grad(sum(square(y)), [x])[0]! };
    // Not at the start of its memory, as arrays are that lie side by side.
    const memory = Float32Array.from({ length: rows * 4 + 3 }, (_, i) => Math.sin(i));
    const weights = { shape: [rows, 4], data: memory.subarray(3) };
    const x3 = { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)) };
    const feeds = { x: x3, ids: { shape: [3], data: Int32Array.of(1, rows - 1, 0) } };
    const others = { shape: [1], data: Float32Array.of(0) };
    const [fed, fixed] = [await compile({ outputs }), await compile({ outputs }, { fixed: { w: weights, others } })];
    const expected = await fed.run({ ...feeds, w: weights });
    const got = await fixed.run(feeds);
    expect(fixed.inputs.map(({ name }) => name)).toEqual(['x', 'ids']);
    for (const name of ['y', 'dx']) {
      for (const [i, value] of expected[name]!.data.entries()) expect(got[name]!.data[i]).toBeCloseTo(value, 5);
    }
    await Promise.all([fed.dispose(), fixed.dispose()]);
  });

  it('rejects an unknown device with the nearest one', () => {
    expect(() => parseDevice('webgp')).toThrow(/did you mean webgpu/);
    expect(parseDevice('cpu')).toBe('cpu');
  });

  it('traces a sum over nothing as the tensor itself', () => {
    const x = input('x', [2]);
    expect(sum(x, [])).toBe(x);
  });
});
