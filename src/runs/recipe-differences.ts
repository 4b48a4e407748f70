/** A recipe field in which runs differ, and its value in each; undefined where a run has no such field. */
export interface RecipeDifference {
  readonly field: string;
  readonly values: readonly (string | undefined)[];
}

/** Fields by path in which recipes differ, in the order of the first that has them. */
export function recipeDifferences(recipes: readonly Readonly<Record<string, unknown>>[]): RecipeDifference[] {
  const flat = recipes.map((recipe) => flatRecipe(recipe));
  const fields = [...new Set(flat.flatMap((one) => [...one.keys()]))];
  return fields
    .map((field) => ({ field, values: flat.map((one) => one.get(field)) }))
    .filter(({ values }) => values.some((value) => value !== values[0]));
}

/** Recipe fields by path, their values as text; a list is one value. */
export function flatRecipe(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [name, inner] of Object.entries(value)) flatRecipe(inner, path ? `${path}.${name}` : name, into);
  } else into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  return into;
}
