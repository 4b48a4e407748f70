import { UserError } from '../errors.js';

/** Values of one placeholder: `{name}` in a call. */
export interface Axis {
  readonly name: string;
  readonly values: readonly string[];
}

/**
 * The calls of a set: a call with `{shard}`, `{data}`, … for every combination of their values, the first axis slowest.
 *
 * @param shards values of `{shard}`: `1/N` to `N/N`
 * @throws UserError for a placeholder without values, or values without a place
 */
export function expandCalls(call: readonly string[], axes: readonly Axis[], shards?: number): string[][] {
  const all = [...axes, ...(shards === undefined ? [] : [shardAxis(shards)])];
  const places = new Set(call.flatMap((arg) => [...arg.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)));
  for (const { name, values } of all) {
    if (values.length === 0) throw new UserError(`{${name}}: expected at least one value`);
    if (places.has(name)) continue;
    const flag = name === 'shard' ? '--shards' : `--each ${name}=…`;
    const hint = name === 'shard' ? ', as in: embed my-clip --data folder:photos --out embedded --shard {shard}' : '';
    throw new UserError(`${flag}: expected {${name}} in the call${hint}`);
  }
  const unknown = [...places].find((place) => !all.some(({ name }) => name === place));
  // Prompt templates have {} and names of their own kind; only a word that nobody gave values for is a mistake.
  if (unknown !== undefined) throw new UserError(`{${unknown}}: expected its values: --each ${unknown}=VALUE`);
  let calls: string[][] = [[...call]];
  for (const { name, values } of all) {
    calls = calls.flatMap((args) => values.map((value) => args.map((arg) => arg.replaceAll(`{${name}}`, () => value))));
  }
  return calls;
}

const shardAxis = (shards: number): Axis => ({
  name: 'shard',
  values: Array.from({ length: shards }, (_, i) => `${i + 1}/${shards}`),
});

/** Reads `name=value`, given once a value. @throws UserError where it is something else */
export function parseAxes(texts: readonly string[]): Axis[] {
  const axes = new Map<string, string[]>();
  for (const text of texts) {
    const [, name, value] = /^(\w+)=(.+)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined || name === 'shard')
      throw new UserError(`--each ${text.slice(0, 60)}: expected name=value, and {name} in the call`);
    axes.set(name, [...(axes.get(name) ?? []), value]);
  }
  return [...axes].map(([name, values]) => ({ name, values }));
}
