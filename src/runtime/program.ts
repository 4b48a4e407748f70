import { writeFile } from 'node:fs/promises';
import type * as ort from 'onnxruntime-node';
import { UserError } from '../errors.js';
import type { Group } from '../group/index.js';
import { dtypeOf, elements, type HostTensor, type Precision, stagesOf, type Tensor, toOnnx } from '../tensor/index.js';
import type { Device } from './device.js';
import { type Feed, ortTensor } from './ort-tensor.js';
import type { ShardAxis } from './parallel/parallel-program.js';
import { release } from './release.js';
import { openSession } from './session.js';

/** How a graph is compiled: device, threads, precision, and what never changes. */
export interface CompileOptions {
  /**
   * Inputs that will never change, by name: they are copied once and not fed. On the CPU ONNX Runtime packs matrices for its
   * products meanwhile, instead of at every run: 5 to 15 % faster, for the memory of the weights once more and 5 to 10 ns a
   * weight at the start. Others than the program has may stand among them.
   */
  readonly fixed?: Readonly<Record<string, HostTensor>>;
  readonly device?: Device;
  /** Tensor parallelism: over how many workers a graph that says how it is split runs. @defaultValue 1 */
  readonly ranks?: number;
  /** The processes that train together; left out: this one by itself. Without sums over them a graph is as any other. */
  readonly group?: Group;
  /** @defaultValue fp32. `mixed` needs a loss scale where gradients are computed. */
  readonly precision?: Precision;
  /** Threads of one op; all cores by default. */
  readonly threads?: number;
  /** Where the graph is written as ONNX Runtime is given it, large {@link fixed} inputs aside. */
  readonly tracedModelPath?: string;
  /** Where ONNX Runtime writes the graph it really runs, to read what it fused. */
  readonly optimizedModelPath?: string;
  /** How the path begins of a profile that ONNX Runtime writes when the program is disposed; the time and `.json` follow. */
  readonly profilePrefix?: string;
}

/** An input of a program. */
export interface ProgramInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Tensor['dtype'];
}

/** A compiled graph. Inputs are read in place, results land in arrays that every run reuses. */
export class Program {
  private readonly results: Record<string, HostTensor> = {};
  private readonly fetches: Record<string, ort.Tensor> = {};
  private readonly feeds = new Map<string, { data: unknown; tensor: ort.Tensor }>();

  private constructor(
    private readonly session: ort.InferenceSession,
    readonly inputs: readonly ProgramInput[],
    { outputs, into = {} }: TracedProgram,
    readonly device: Device,
  ) {
    for (const [name, tensor] of Object.entries(outputs)) {
      const shape = tensor.sizes(`program output ${name}`);
      const made = tensor.dtype === 'float32' ? Float32Array : Int32Array;
      const data = into[name] ?? new made(elements(shape));
      this.results[name] = { shape, data };
      this.fetches[name] = ortTensor({ shape, data });
    }
  }

  /** @internal Use {@link compile}. */
  static async create(program: TracedProgram, options: CompileOptions): Promise<Program> {
    const { outputs, given } = program;
    const device = options.device ?? 'cpu';
    const model = toOnnx({
      outputs,
      given,
      initializers: options.fixed,
      external: true,
      fused: device !== 'webgpu',
      precision: options.precision,
    });
    if (options.tracedModelPath !== undefined) await writeFile(options.tracedModelPath, model.bytes);
    const session = await openSession(model.bytes, device, { ...options, externalData: model.external });
    const fed = [...model.inputs.map((tensor) => ({ name: tensor.name!, tensor })), ...model.given];
    const inputs = fed.map(({ name, tensor }) => ({
      name,
      shape: tensor.sizes(`program input ${name}`),
      dtype: tensor.dtype,
    }));
    return new Program(session, inputs, program, device);
  }

  /**
   * Runs the program on `feeds` (one array an input, used in place, never copied).
   * The arrays returned belong to the program and are overwritten by its next run.
   * @throws where an input is missing or its size is wrong, naming it; UserError where the GPU has no fp16 for `mixed`
   */
  async run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, HostTensor>> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const { name, shape, dtype } of this.inputs) {
      const feed = feeds[name];
      if (!feed) throw new Error(`Program.run: input ${name} [${shape.join(', ')}] is missing`);
      if (feed.data.length !== elements(shape) || dtypeOf(feed.data) !== dtype) {
        throw new Error(
          `Program.run: input ${name} expects ${dtype} [${shape.join(', ')}], got ${feed.data.constructor.name} [${feed.shape.join(', ')}]`,
        );
      }
      // Parameters are the same arrays at every step: their wrappers are kept.
      const known = this.feeds.get(name);
      if (known?.data === feed.data) tensors[name] = known.tensor;
      else {
        tensors[name] = ortTensor({ shape, data: feed.data });
        this.feeds.set(name, { data: feed.data, tensor: tensors[name] });
      }
    }
    const copies = await this.session.run(tensors, this.fetches).catch((error: unknown) => {
      // ONNX Runtime notices only when it builds the first kernel that needs it.
      if (!/requires f16/.test(String(error))) throw error;
      throw new UserError('precision mixed: this GPU has no fp16 in its shaders; expected fp32 here');
    });
    for (const copy of Object.values(copies)) release((copy.data as Float32Array | Int32Array).buffer as ArrayBuffer);
    return this.results;
  }

  async dispose(): Promise<void> {
    this.feeds.clear();
    await this.session.release();
  }
}

/** What a compiled graph offers, whether it runs in one session or in a worker a rank. */
export type Runnable = Pick<Program, 'inputs' | 'device' | 'run' | 'dispose'>;

/** What is compiled. */
export interface TracedProgram {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Values within the graph that are fed instead of computed, with the names of their inputs. */
  readonly given?: ReadonlyMap<Tensor, string>;
  /** Where results of float32 are to lie, by output name; others get arrays of their own. Parts of larger arrays will do. */
  readonly into?: Readonly<Record<string, Float32Array>>;
}

/**
 * Compiles what computes `outputs` into one session. Inputs are found by walking back from the outputs.
 *
 * @param program.shards for a graph that was traced for `options.ranks` ranks: along which axis what is split
 * @throws UserError for a device that cannot be used, or ranks that do not divide what is split
 */
export async function compile(
  program: TracedProgram & { readonly shards?: ShardAxis },
  options: CompileOptions = {},
): Promise<Runnable> {
  const { group } = options;
  if (!program.shards || (options.ranks ?? 1) === 1) {
    if (!group || group.size === 1 || program.given) return Program.create(program, options);
    const { stages, results } = stagesOf(program.outputs, options.fixed);
    if (stages.every(({ sums }) => sums.length === 0)) return Program.create(program, options);
    const { ProcessProgram } = await import('./parallel/process-program.js');
    // Of a graph in several sessions there is no one file to look at.
    const { tracedModelPath: _, optimizedModelPath: __, profilePrefix: ___, ...common } = options;
    return ProcessProgram.create(stages, results, program, group, (stage) => Program.create(stage, common));
  }
  if (program.given) throw new Error('compile: values that are given cannot be split over ranks');
  const { ParallelProgram } = await import('./parallel/parallel-program.js');
  return ParallelProgram.create(program, program.shards, options.ranks!, options);
}
