/** A value inside a job's result: `zero_shot.top1`. */
export function resultField(result: unknown, path: string): unknown {
  let at = result;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}
