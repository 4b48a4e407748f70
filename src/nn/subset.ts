import type { Params } from './params.js';

/** The named entries of a parameter tree. */
export function subset(params: Params, names: readonly string[]): Params {
  return Object.fromEntries(names.map((name) => [name, params[name]!]));
}
