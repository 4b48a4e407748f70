import type { Params, TensorTree } from '../nn/index.js';
import type { Feeds, ShardAxis } from '../runtime/index.js';
import type { HostTensor, Tensor } from '../tensor/index.js';

/** Losses that have one backward pass together, and a limit of their own on its gradient. */
export interface GradientGroup {
  readonly name: string;
  /** What is differentiated, a scalar. */
  readonly loss: Tensor;
  /** Largest norm of its gradient over all parameters, applied before the groups' gradients are added. @defaultValue any */
  readonly clip?: number;
}

/** An array that the graph itself updates at every batch, such as the running statistics of a batch norm. */
export interface CarriedArray {
  /** Live: where it starts from, and what is saved with the run. */
  readonly array: HostTensor<Float32Array>;
  /** Its value after a batch. */
  readonly after: Tensor;
}

/**
 * What is trained, as a graph: a task declares its losses and parameters, an executor differentiates and runs them, and the
 * loop (`train`) owns the optimizer, the clock and the checkpoints. None of these knows CLIP.
 *
 * For a run that stops and resumes to end with the same bits, `feeds(n)` may depend on nothing but `n`.
 */
export interface Task {
  /** Trainable arrays by name, updated in place. Some may be reached by no loss: they stay as they are. */
  readonly params: Params;
  /** The graph inputs of {@link params}: each is called as its parameter. */
  readonly parameters: TensorTree;
  /** Scalars of a batch that are reported; `total` is the one that is minimised. */
  readonly losses: Readonly<Record<string, Tensor>>;
  /** Their gradients are clipped each by its own limit and added. */
  readonly groups: readonly GradientGroup[];
  /** Inputs that never change, by name. Others than the graph has may stand among them. */
  readonly frozen: Params;
  /** What the remaining inputs are fed at batch `n`, counted from 0 over all steps. The next batch may reuse the arrays. */
  feeds(batch: number): Promise<Feeds>;
  readonly imagesPerBatch: number;
  /** Upper bounds of parameters after each update, by name. */
  readonly bounds?: Readonly<Record<string, number>>;
  /** For a graph that was traced for several ranks (tensor parallelism): how many, and how its inputs are split over them. */
  readonly split?: { readonly ranks: number; readonly axis: ShardAxis };
  /** By the name of the graph input that holds the value before a batch. */
  readonly carried?: Readonly<Record<string, CarriedArray>>;
  /** Further live arrays that are saved with the run; a resume writes into them. */
  state?(): Params;
  /**
   * Values that parameters are fed as in a step, in place of their own, by name; the gradient at these is taken as theirs.
   * A task that has it is run on the host.
   */
  fedAs?(): Params;
  /**
   * What looks at the parameters after every so many updates.
   * `see` gets the updates done so far and the averaged parameters; without an average, the parameters themselves.
   */
  readonly afterUpdates?: { readonly every: number; see(done: number, averaged: Params): void };
}
