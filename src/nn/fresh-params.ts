import { Random } from '../math/index.js';
import { elements } from '../tensor/index.js';
import type { Params } from './params.js';

/** Random parameters of a module. Each depends on the seed, the stream and its name alone, not on those drawn before it. */
export class FreshParams {
  readonly params: Params = {};

  /** @param stream tells modules of one seed apart */
  constructor(
    private readonly seed: number,
    private readonly stream: string,
  ) {}

  /** Normally distributed about 0. */
  normal(name: string, shape: number[], deviation: number): void {
    const random = new Random(this.seed, this.stream, name);
    const data = Float32Array.from({ length: elements(shape) }, () => deviation * random.normal());
    this.params[name] = { shape, data };
  }

  filled(name: string, size: number, value: number): void {
    this.params[name] = { shape: [size], data: new Float32Array(size).fill(value) };
  }

  /** `NAME.weight` [to, from] and `NAME.bias` [to], which is 0. */
  dense(name: string, from: number, to: number, deviation = from ** -0.5): void {
    this.normal(`${name}.weight`, [to, from], deviation);
    this.filled(`${name}.bias`, to, 0);
  }

  /** Of a layer norm: `NAME.weight` 1 and `NAME.bias` 0, both [size]. */
  norm(name: string, size: number): void {
    this.filled(`${name}.weight`, size, 1);
    this.filled(`${name}.bias`, size, 0);
  }
}
