import { elements, input, type Pack, pack, packed, type Tensor } from '../tensor/index.js';
import type { TracedGradients } from './group-gradients.js';
import type { Optimizer } from './optimizer.js';
import type { Task } from './task.js';

/** @internal How the average of a parameter is called before its name, in a graph that carries it. */
export const AVERAGE = 'average/';

/** @internal Parameters that are updated as one array. */
export interface UpdatePack {
  readonly name: string;
  readonly members: readonly string[];
  /** See `TracedUpdate.group`. */
  readonly group: string;
  readonly bound: number | undefined;
  /** The parameters, the optimizer's moments of them, and their average where one is kept. */
  readonly arrays: readonly Pack[];
}

/** Most numbers of a pack: 128 MB, WebGPU's usual limit of what a shader may bind. */
const mostNumbers = 2 ** 25;

/**
 * @internal The parameters that have gradients, in packs of those that are alike and treated alike. One by one, each step
 * would start dozens of kernels a parameter, most of which are over before the next is started.
 *
 * @param groups the gradients of each group
 */
export function packsOf(
  { parameters, bounds = {} }: Pick<Task, 'parameters' | 'bounds'>,
  groups: readonly TracedGradients[],
  { traced }: Optimizer,
  averaged: boolean,
): UpdatePack[] {
  const found = new Map<string, string[]>();
  for (const name of new Set(groups.flatMap(Object.keys))) {
    const group = traced.group(name);
    if (group === undefined) continue;
    const shape = parameters[name]!.sizes(`parameter ${name}`);
    const most = Math.max(1, Math.floor(mostNumbers / elements(shape)));
    const reached = groups.map((gradients) => name in gradients);
    const alike = (i: number) => [group, bounds[name], shape, reached, i].join();
    let i = 0;
    while ((found.get(alike(i))?.length ?? 0) === most) i++;
    found.set(alike(i), [...(found.get(alike(i)) ?? []), name]);
  }
  const kinds = ['', ...traced.moments, ...(averaged ? [AVERAGE] : [])];
  return [...found.values()].map((members, i) => {
    const name = `pack/${i}`;
    const inputs = (kind: string) =>
      members.map((member) => (kind ? input(kind + member, parameters[member]!.shape) : parameters[member]!));
    const arrays = kinds.map((kind) => pack(`${name}/${kind}`, inputs(kind)));
    return { name, members, group: traced.group(members[0]!)!, bound: bounds[members[0]!], arrays };
  });
}

/** @internal Gradients with those of each pack in one array, by its name. */
export function packGradients(packs: readonly UpdatePack[], gradients: TracedGradients): TracedGradients {
  const found: Record<string, Tensor> = { ...gradients };
  for (const { name, members } of packs) {
    if (!(members[0]! in gradients)) continue;
    found[name] = packed(members.map((member) => gradients[member]!));
    for (const member of members) delete found[member];
  }
  return found;
}
