import type * as ort from 'onnxruntime-node';
import { emptyPack, fillPack, type HostTensor, input, type Pack, type Tensor, toOnnx } from '../../tensor/index.js';
import { ortTensor } from '../ort-tensor.js';
import { release } from '../release.js';
import { openSession } from '../session.js';
import type { Feeds, Reports, Resident, ResidentGraph, ResidentOptions } from './resident.js';

const AFTER = 'after/';

/** Step by step, the state in buffers of the GPU: each run reads those of the run before and makes new ones. */
export class BufferedProgram implements Resident {
  readonly stepsAtOnce = 1;
  private state: Record<string, ort.Tensor>;

  private constructor(
    private readonly step: ort.InferenceSession,
    private readonly download: ort.InferenceSession,
    private readonly inputs: readonly Tensor[],
    private readonly reports: readonly string[],
    names: readonly string[],
    private readonly packs: ReadonlyMap<string, Pack>,
    private readonly start: Readonly<Record<string, HostTensor>>,
  ) {
    this.state = Object.fromEntries(
      names.map((name) => {
        const pack = packs.get(name);
        return [name, ortTensor(pack ? fillPack(pack, start) : start[name]!)];
      }),
    );
  }

  static async create(
    { reports, state, packs }: ResidentGraph,
    start: Readonly<Record<string, HostTensor>>,
    { device = 'webgpu', precision, threads, fixed }: ResidentOptions,
  ): Promise<BufferedProgram> {
    const after = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [AFTER + name, tensor]));
    const model = toOnnx({ outputs: { ...reports, ...after }, initializers: fixed, external: true, precision, packs });
    const outputLocations: Record<string, ort.Tensor.DataLocation> = {};
    for (const name of Object.keys(reports)) outputLocations[name] = 'cpu';
    for (const name of Object.keys(after)) outputLocations[name] = 'gpu-buffer';
    const step = await openSession(model.bytes, device, { threads, outputLocations, externalData: model.external });
    // onnxruntime-node reads a buffer of the GPU only as the input of a program whose output is wanted here.
    const copies = Object.entries(state).map(([name, { shape }]) => [AFTER + name, input(name, shape)] as const);
    const { bytes } = toOnnx({ outputs: Object.fromEntries(copies) });
    const copy = await openSession(bytes, device, { threads });
    const inputs = model.inputs.filter(({ name }) => !(name! in state));
    const named = new Map(packs?.map((pack) => [pack.whole.name!, pack]));
    return new BufferedProgram(step, copy, inputs, Object.keys(reports), Object.keys(state), named, start);
  }

  async run(count: number, feed: (i: number) => Promise<Feeds>): Promise<Reports[]> {
    const all: Reports[] = [];
    for (let i = 0; i < count; i++) {
      const feeds = await feed(i);
      const fed: Record<string, ort.Tensor> = { ...this.state };
      for (const { name } of this.inputs) {
        if (!feeds[name!]) throw new Error(`resident program: input ${name} is missing`);
        fed[name!] = ortTensor(feeds[name!]!);
      }
      const results = await this.step.run(fed);
      for (const [name, before] of Object.entries(this.state)) {
        if (before.location === 'gpu-buffer') before.dispose();
        this.state[name] = results[AFTER + name]!;
      }
      all.push(
        Object.fromEntries(
          this.reports.map((name) => {
            const { dims, data } = results[name]!;
            return [name, { shape: dims, data: data as Float32Array }];
          }),
        ),
      );
    }
    return all;
  }

  async read(): Promise<void> {
    // Before the first step the arrays themselves are the state.
    if (Object.values(this.state).some(({ location }) => location !== 'gpu-buffer')) return;
    const results = await this.download.run(this.state);
    for (const name of Object.keys(this.state)) {
      const copy = results[AFTER + name]!.data as Float32Array;
      const pack = this.packs.get(name);
      if (pack) emptyPack(pack, copy, this.start);
      else this.start[name]!.data.set(copy);
      release(copy.buffer as ArrayBuffer);
    }
  }

  async dispose(): Promise<void> {
    for (const tensor of Object.values(this.state)) if (tensor.location === 'gpu-buffer') tensor.dispose();
    await Promise.all([this.step.release(), this.download.release()]);
  }
}
