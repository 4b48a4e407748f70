import type { Params } from '../nn/index.js';
import { FusedLoop, loopArrays } from '../runtime/index.js';
import { type HostTensor, input, type Operand, type Tensor, where } from '../tensor/index.js';

/** Updates the parameters that it was made for, in place. */
export interface Optimizer {
  /**
   * One update.
   * @param gradients by parameter name; a parameter without one is left as it is
   * @param step updates done before this one, without skipped steps (bias correction counts from it)
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
   * @returns undefined for a frozen parameter
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

/** @internal What a parameter of a group is updated with. */
export interface UpdateRules {
  readonly decay: number;
  /** Factor on the learning rate. */
  readonly scale: number;
}

/** @internal An optimizer's formula, for parameters that are arrays here and for devices that keep them. */
export interface UpdateFormula extends Pick<TracedUpdate, 'scalars' | 'moments'> {
  /** What {@link TracedUpdate.scalars} gives, computed here. */
  numbers(rate: number, done: number): Readonly<Record<string, number>>;
  /** {@link TracedUpdate.update} by the rules of its group. */
  update(
    rules: UpdateRules,
    before: readonly Tensor[],
    gradient: Tensor,
    scalars: Readonly<Record<string, Tensor>>,
    applies?: Tensor,
  ): Tensor[];
}

/** Which parameters decay, and by how much, all said. */
interface DecayRules extends ParameterRules {
  readonly weightDecay: number;
  readonly decays: (name: string, shape: readonly number[]) => boolean;
}

/** @internal The optimizer of a formula; a parameter whose rate is 0 is frozen. */
export function optimizerOf(
  params: Params,
  formula: UpdateFormula,
  { weightDecay, decays, learningRateScale }: DecayRules,
): Optimizer {
  const { moments } = formula;
  const groups = new Map<string, { readonly rules: UpdateRules; readonly loop: FusedLoop }>();
  const groupOf = (name: string, shape: readonly number[]): string | undefined => {
    const rules = { decay: decays(name, shape) ? weightDecay : 0, scale: learningRateScale?.(name) ?? 1 };
    if (rules.scale === 0) return undefined;
    const group = `decay ${rules.decay}, rate ${rules.scale}`;
    if (!groups.has(group)) groups.set(group, { rules, loop: loopOf(formula, rules) });
    return group;
  };
  const trained = Object.entries(params);
  const memory = loopArrays(trained.flatMap(([, { data }]) => moments.map(() => data.length)));
  const slots = trained.map(([name, tensor], i) => {
    const weights = floatData(name, tensor);
    const arrays = Object.fromEntries(moments.map((moment, k) => [moment, memory[i * moments.length + k]!]));
    return { name, shape: tensor.shape, weights, arrays, group: groupOf(name, tensor.shape) };
  });
  const groupByName = new Map(slots.map(({ name, group }) => [name, group]));
  return {
    update(gradients, learningRate, step) {
      if (learningRate === 0) return;
      const numbers = formula.numbers(learningRate, step);
      for (const { name, weights, arrays, group } of slots) {
        const gradient = gradientFor(name, weights.length, gradients);
        if (!gradient || group === undefined) continue;
        const before = { [WEIGHTS]: weights, ...arrays };
        groups.get(group)!.loop.run({ ...before, [GRADIENT]: gradient }, numbers, before);
      }
    },
    state() {
      const state: Record<string, HostTensor> = {};
      for (const { name, shape, arrays } of slots) {
        for (const moment of moments) state[moment + name] = { shape, data: arrays[moment]! };
      }
      return state;
    },
    traced: {
      moments,
      scalars: formula.scalars,
      group: (name) => groupByName.get(name),
      update: (group, ...values) => formula.update(groups.get(group)!.rules, ...values),
    },
  };
}

const WEIGHTS = 'weights';
const GRADIENT = 'gradient';

function loopOf(formula: UpdateFormula, rules: UpdateRules): FusedLoop {
  return new FusedLoop(() => {
    const names = [WEIGHTS, ...formula.moments];
    const whole = (name: string) => input(name, ['n']);
    const scalars = Object.keys(formula.numbers(1, 0)).map((name) => [name, input(name, [])] as const);
    const after = formula.update(rules, names.map(whole), whole(GRADIENT), Object.fromEntries(scalars));
    return Object.fromEntries(names.map((name, i) => [name, after[i]!]));
  });
}

/** The trainable array of a parameter. @throws for an integer one. */
function floatData(name: string, { data }: HostTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error(`optimizer: parameter ${name} holds integers; only float32 parameters are trainable`);
}

/** The gradient of one parameter. @throws where its size is wrong. */
function gradientFor(
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

/** @internal `value` where an update applies, `idle` where it does not. */
export function applied(applies: Tensor | undefined, value: Operand, idle: number): Operand {
  return applies ? where(applies, value, idle) : value;
}
