import type { Params } from '../nn/index.js';
import { FusedLoop } from '../runtime/index.js';
import { add, input, mul, sub, type Tensor } from '../tensor/index.js';

/** Exponential moving average: keep · a + (1 − keep) · θ. */
export function averageOf(average: Tensor, now: Tensor, keep: Tensor): Tensor {
  return add(mul(average, keep), mul(now, sub(1, keep)));
}

const whole = (name: string) => input(name, ['n']);
const loop = new FusedLoop(() => ({ average: averageOf(whole('average'), whole('now'), input('keep', [])) }));

/** {@link averageOf} of all parameters, in place. */
export function averageInto(average: Params, params: Params, keep: number): void {
  for (const [name, { data }] of Object.entries(params)) {
    const target = average[name]!.data as Float32Array;
    loop.run({ average: target, now: data as Float32Array }, { keep }, { average: target });
  }
}

/** Gives the parameters the values of their average, or whatever else has their names. */
export function takeValues(params: Params, values: Params): void {
  for (const [name, { data }] of Object.entries(params)) if (values[name]!.data !== data) data.set(values[name]!.data);
}
