import type { HostTensor, Tensor } from '../tensor/index.js';

/** Updates the parameters that it was made for, in place. */
export interface Optimizer {
  /**
   * One update.
   * @param gradients by parameter name; a parameter without one is left as it is
   * @param step updates done before this one (bias correction counts from it)
   */
  update(gradients: Readonly<Record<string, Float32Array>>, learningRate: number, step: number): void;
  /** The live moment arrays, flat. Whoever resumes a run writes into them. */
  state(): Readonly<Record<string, HostTensor>>;
  /** The same update as a graph, for devices that keep the parameters. */
  readonly traced: TracedUpdate;
}

/** One update as a graph. What changes from step to step comes in as scalars, computed here in double precision. */
export interface TracedUpdate {
  /** @param step updates done before this one */
  scalars(learningRate: number, step: number): Readonly<Record<string, number>>;
  /**
   * @param before parameters and {@link Optimizer.state}, by name
   * @param scalars inputs for what {@link scalars} gives, by name
   * @returns their new values, of those that a gradient changes
   */
  update(
    before: Readonly<Record<string, Tensor>>,
    gradients: Readonly<Record<string, Tensor>>,
    scalars: Readonly<Record<string, Tensor>>,
  ): Record<string, Tensor>;
}

/** Which parameters are treated differently. */
export interface ParameterRules {
  /** Factor on the learning rate, by name; 1 by default, 0 freezes. */
  readonly learningRateScale?: (name: string) => number;
  /** Whether weight decay applies; {@link decaysByDefault} by default. */
  readonly decays?: (name: string, shape: readonly number[]) => boolean;
}

/**
 * Decay is customary for matrices only: not for biases, norms and scalars (rank < 2), and not for
 * positions and the class token, which are offsets rather than maps.
 */
export function decaysByDefault(name: string, shape: readonly number[]): boolean {
  return shape.length >= 2 && !/position_embedding|class_embedding/.test(name);
}

/** @internal The trainable array of a parameter. @throws for an integer one. */
export function floatData(name: string, { data }: HostTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error(`optimizer: parameter ${name} holds integers; only float32 parameters are trainable`);
}

/** @internal The gradient of one parameter. @throws where its size is wrong. */
export function gradientFor(
  name: string,
  size: number,
  gradients: Readonly<Record<string, Float32Array>>,
): Float32Array | undefined {
  const gradient = gradients[name];
  if (gradient && gradient.length !== size) {
    throw new Error(`optimizer: the gradient of ${name} has ${gradient.length} values, the parameter ${size}`);
  }
  return gradient;
}
