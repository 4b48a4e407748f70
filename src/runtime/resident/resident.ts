import type { HostTensor, Pack, Tensor } from '../../tensor/index.js';
import type { Feed } from '../ort-tensor.js';
import type { CompileOptions } from '../program.js';

/** A step whose state stays on the device: what it reports, and the new value of each input that carries the state. */
export interface ResidentGraph {
  readonly reports: Readonly<Record<string, Tensor>>;
  /** By the name of the input that holds the value before. */
  readonly state: Readonly<Record<string, Tensor>>;
  /** Inputs of the graph, by whose packs the state is carried: their own inputs stand in `state`. */
  readonly packs?: readonly Pack[];
}

export type ResidentOptions = Pick<CompileOptions, 'device' | 'precision' | 'threads' | 'fixed'>;

/** Values of graph inputs, by name. */
export type Feeds = Readonly<Record<string, Feed>>;
/** What a step reports, by output name. */
export type Reports = Readonly<Record<string, HostTensor>>;

/** Steps of a graph that carry a state on the device, from one run to the next as far as the device allows it. */
export interface Resident {
  /** Steps that are best run at once, because the state travels with every run. */
  readonly stepsAtOnce: number;
  /**
   * Runs so many steps.
   * @param feed what step `i` of these is fed; its arrays may be reused for the next
   * @returns what each step reports, in arrays of its own
   */
  run(count: number, feed: (i: number) => Promise<Feeds>): Promise<Reports[]>;
  /** Copies the state into the arrays that it started from. */
  read(): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * Compiles a graph whose state stays where it is computed.
 *
 * On WebGPU the state lies in the GPU's buffers between runs. On CUDA, whose memory onnxruntime-node cannot hold from run to
 * run, one run is many steps (ONNX's `Loop`), and the state travels once for all of them; so it does on the CPU, where this
 * is for tests: updating arrays in place is faster there.
 *
 * @param start the state to begin with, by input name, of a pack its members; {@link Resident.read} writes into these arrays
 * @param options.fixed inputs that never change, held on the device
 */
export async function compileResident(
  graph: ResidentGraph,
  start: Readonly<Record<string, HostTensor>>,
  options: ResidentOptions = {},
): Promise<Resident> {
  if (options.device === 'webgpu') {
    const { BufferedProgram } = await import('./buffered-program.js');
    return BufferedProgram.create(graph, start, options);
  }
  const { LoopedProgram } = await import('./looped-program.js');
  return LoopedProgram.create(graph, start, options);
}
