import { type HostTensor, type Operand, type Tensor, where } from '../tensor/index.js';

/** Updates the parameters that it was made for, in place. */
export interface Optimizer {
  /**
   * One update.
   * @param gradients by parameter name; a parameter without one is left as it is
   * @param step updates done before this one, without those that were left out (bias correction counts from it)
   */
  update(gradients: Readonly<Record<string, Float32Array>>, learningRate: number, step: number): void;
  /** The live moment arrays, flat. Whoever resumes a run writes into them. */
  state(): Readonly<Record<string, HostTensor>>;
  /** The same update as a graph, for devices that keep the parameters. */
  readonly traced: TracedUpdate;
}

/** One update as a graph. */
export interface TracedUpdate {
  /**
   * What the updates of all groups have in common, scalars.
   * @param rate [] learning rate
   * @param done [] updates done before this one
   */
  scalars(rate: Tensor, done: Tensor): Readonly<Record<string, Tensor>>;
  /** What a parameter's own arrays in {@link Optimizer.state} are called before its name. */
  readonly moments: readonly string[];
  /**
   * Parameters of one group are updated by the same numbers, so also as one array.
   * @returns undefined for a parameter that stands still
   */
  group(parameter: string): string | undefined;
  /**
   * @param group see {@link group}
   * @param before parameter and {@link moments}
   * @param scalars what {@link scalars} gives
   * @param applies a scalar that is false where all is to stay as it is, whatever the gradient
   * @returns their new values
   */
  update(
    group: string,
    before: readonly Tensor[],
    gradient: Tensor,
    scalars: Readonly<Record<string, Tensor>>,
    applies?: Tensor,
  ): Tensor[];
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

interface Rules {
  readonly decay: number;
  readonly scale: number;
}

/** @internal Parameters by what they are updated with; those whose rate is 0 stand still. */
export class ParameterGroups {
  private readonly names = new Map<string, string>();
  private readonly groups = new Map<string, Rules>();

  constructor(slots: readonly (Rules & { readonly name: string })[]) {
    for (const { name, decay, scale } of slots) {
      if (scale === 0) continue;
      const group = `decay ${decay}, rate ${scale}`;
      this.names.set(name, group);
      this.groups.set(group, { decay, scale });
    }
  }

  of(parameter: string): string | undefined {
    return this.names.get(parameter);
  }

  rules(group: string): Rules {
    return this.groups.get(group)!;
  }
}

/** @internal `value` where an update applies, `idle` where it does not. */
export function applied(applies: Tensor | undefined, value: Operand, idle: number): Operand {
  return applies ? where(applies, value, idle) : value;
}
