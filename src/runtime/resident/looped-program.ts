import * as ort from 'onnxruntime-node';
import { elements, type HostTensor, type LoopedModel, type Tensor, toOnnxLoop } from '../../tensor/index.js';
import { ortTensor } from '../ort-tensor.js';
import { release } from '../release.js';
import { openSession } from '../session.js';
import type { Feeds, Reports, Resident, ResidentGraph, ResidentOptions } from './resident.js';

/** Most steps of one run, and most bytes of their feeds together. */
const mostSteps = 128;
const mostBytes = 2 ** 31;

const arrayOf = ({ dtype }: Tensor) =>
  dtype === 'int32' ? Int32Array : dtype === 'float16' ? Uint16Array : Float32Array;

/** Many steps in one run: the state goes to the device before it and comes back after it. */
export class LoopedProgram implements Resident {
  readonly stepsAtOnce: number;
  /** What a run gives back: the state goes into the arrays that it came from, as the device has long read them. */
  private readonly fetches: Record<string, ort.Tensor | null> = {};
  /** Feeds of one run, [stepsAtOnce, ...shape]. */
  private readonly stacked: Feeds;

  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly model: LoopedModel,
    private readonly state: Readonly<Record<string, HostTensor>>,
    private readonly reports: ResidentGraph['reports'],
  ) {
    const size = (tensor: Tensor) => elements(tensor.sizes(`resident input ${tensor.name}`));
    const bytes = model.inputs.reduce((sum, tensor) => sum + size(tensor) * arrayOf(tensor).BYTES_PER_ELEMENT, 0);
    this.stepsAtOnce = Math.max(1, Math.min(mostSteps, Math.floor(mostBytes / bytes)));
    for (const [name, tensor] of Object.entries(state)) this.fetches[model.after(name)] = ortTensor(tensor);
    for (const name of Object.keys(reports)) this.fetches[name] = null;
    this.stacked = Object.fromEntries(
      model.inputs.map((tensor) => {
        const shape = [this.stepsAtOnce, ...tensor.sizes(`resident input ${tensor.name}`)];
        return [tensor.name!, { shape, data: new (arrayOf(tensor))(elements(shape)) }];
      }),
    );
  }

  static async create(
    graph: ResidentGraph,
    start: Readonly<Record<string, HostTensor>>,
    { device = 'cpu', precision, threads, fixed }: ResidentOptions,
  ): Promise<LoopedProgram> {
    const fused = device !== 'webgpu';
    const model = toOnnxLoop({ ...graph, initializers: fixed, external: true, fused, precision });
    const session = await openSession(model.bytes, device, { threads, externalData: model.external });
    return new LoopedProgram(session, model, start, graph.reports);
  }

  async run(count: number, feed: (i: number) => Promise<Feeds>): Promise<Reports[]> {
    const { model, state } = this;
    for (let i = 0; i < count; i++) {
      const feeds = await feed(i);
      for (const [name, { data }] of Object.entries(this.stacked)) {
        const values = feeds[name];
        const size = data.length / this.stepsAtOnce;
        if (values?.data.length !== size) {
          throw new Error(
            `resident program: input ${name} expects ${size} values, got ${values?.data.length ?? 'none'}`,
          );
        }
        data.set(values.data, i * size);
      }
    }
    const fed: Record<string, ort.Tensor> = {
      [model.count]: new ort.Tensor('int64', BigInt64Array.of(BigInt(count)), []),
    };
    for (const name of Object.keys(state)) fed[name] = this.fetches[model.after(name)]!;
    for (const [name, { shape, data }] of Object.entries(this.stacked)) {
      const [most, ...rest] = shape as [number, ...number[]];
      fed[name] = ortTensor({ shape: [count, ...rest], data: data.subarray(0, (data.length / most) * count) });
    }
    const results = await this.session.run(fed, this.fetches);
    for (const name of Object.keys(state))
      release((results[model.after(name)]!.data as Float32Array).buffer as ArrayBuffer);
    return Array.from({ length: count }, (_, i) =>
      Object.fromEntries(
        Object.entries(this.reports).map(([name, tensor]) => {
          const shape = tensor.sizes(`resident report ${name}`);
          const size = elements(shape);
          return [name, { shape, data: (results[name]!.data as Float32Array).slice(i * size, (i + 1) * size) }];
        }),
      ),
    );
  }

  /** The arrays hold the state after every run. */
  async read(): Promise<void> {}

  async dispose(): Promise<void> {
    await this.session.release();
  }
}
