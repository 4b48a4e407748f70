import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { closest, UserError } from '../errors.js';
import { parseYaml, readText } from '../files/index.js';
import { brief, describeIssue, show } from '../schema-issue.js';
import { writeFileAtomic } from './atomic.js';
import { packageVersion } from './package-version.js';
import { shippedPath } from './shipped.js';

type Field = string | number;
type Tree = Record<string, unknown>;
/** What {@link writeRecipe} adds; left out again when the file is read as a recipe. */
const madeWith = 'made_with';

/** Where a recipe's fields come from. `set` wins over `flags`, these over `file`, and that over `defaults`. */
export interface RecipeSource {
  /** Fields in place of the schema's defaults; everything else wins over them. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** YAML file, or `promptkd:NAME` of one that comes with the package; without one the schema's defaults are the recipe. */
  readonly file?: string;
  /** `path.to.field=value` from the command line, later ones win. Values are YAML: numbers, true, [1, 2]. */
  readonly set?: readonly string[];
  /**
   * Fields that other flags stand for, e.g. `{ 'losses.attention.weight': 0 }`; they win over the file and yield to
   * `set`; undefined ones say nothing.
   */
  readonly flags?: Readonly<Record<string, unknown>>;
}

/**
 * A recipe from a file and overrides, checked and completed by a schema.
 * @throws UserError for a missing file, broken YAML, an unknown field (with a suggestion) or a value that does not fit.
 */
export async function loadRecipe<S extends z.ZodType>(schema: S, source: RecipeSource): Promise<z.infer<S>> {
  const tree = source.file ? await readTree(source.file) : {};
  delete tree[madeWith];
  const overridden = new Map<string, string>();
  for (const [path, value] of Object.entries(source.defaults ?? {})) {
    if (fieldAt(tree, path) === undefined) place(tree, path, value, 'defaults');
  }
  for (const [path, value] of Object.entries(source.flags ?? {})) {
    if (value !== undefined) place(tree, path, value, 'command line');
  }
  for (const text of source.set ?? []) {
    const [path, value] = assignment(text);
    const twin = otherLength(path);
    const said = twin && overridden.get(twin);
    if (said) throw new UserError(`--set ${brief(text)}: ${said} says how long already: leave out one of them`);
    place(tree, path, value, `--set ${brief(text)}`);
    if (twin) drop(tree, twin);
    overridden.set(path, `--set ${brief(text)}`);
  }
  const blame = (path: readonly Field[]) => overridden.get(path.join('.')) ?? source.file ?? 'recipe';
  refuseUnknownFields(schema, tree, [], blame);
  const result = schema.safeParse(tree, { reportInput: true });
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new UserError(`${blame(issue.path as Field[])}: ${describeIssue(issue)}`);
}

/** The recipe whole, as YAML, with the versions that run it, and the teacher where there is one. It can be run again as it is. */
export function recipeText(recipe: unknown, teacher?: string, remarks: readonly string[] = []): string {
  const made = { ...(teacher === undefined ? {} : { teacher }), ...versions() };
  const comments = remarks.map((remark) => `# ${remark.replaceAll(/\s+/g, ' ')}\n`).join('');
  return comments + stringify({ ...(recipe as Tree), [madeWith]: made }, { lineWidth: 0 });
}

/**
 * Writes {@link recipeText} as `recipe.yaml` into a run's folder. A folder that has one keeps it until `replace`:
 * whether the recipe may go on from that run is for the run to say.
 *
 * @param options.teacher folder or hub id; a folder is written as seen from the run's folder
 * @param options.remarks sentences that stand above it as comments; without any, those that stand there stay
 * @throws UserError naming the file where it cannot be written
 */
export async function writeRecipe(
  folder: string,
  recipe: unknown,
  {
    replace = false,
    teacher,
    remarks,
  }: { readonly replace?: boolean; readonly teacher?: string; readonly remarks?: readonly string[] } = {},
): Promise<string> {
  const local = teacher !== undefined && existsSync(teacher);
  const kept = remarks && remarks.length > 0 ? remarks : await remarksOf(join(folder, 'recipe.yaml'));
  const text = recipeText(recipe, local ? relative(folder, teacher) : teacher, kept);
  if (!replace && existsSync(join(folder, 'recipe.yaml'))) return text;
  await writeFileAtomic(join(folder, 'recipe.yaml'), text);
  return text;
}

/** The comments above a recipe, which a run that goes on with it keeps. */
async function remarksOf(file: string): Promise<string[]> {
  if (!existsSync(file)) return [];
  const lines = (await readText(file)).split('\n');
  const first = lines.findIndex((line) => !line.startsWith('# '));
  return lines.slice(0, first).map((line) => line.slice(2));
}

/** What a result depends on besides the recipe. */
export function versions(): Record<string, string> {
  const manifest = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    promptkd: packageVersion(),
    node: process.versions.node,
    'onnxruntime-node': manifest.version,
    platform: `${process.platform}-${process.arch}`,
  };
}

async function readTree(name: string): Promise<Tree> {
  const file = shippedPath(name, 'recipes', '.yaml', '.yaml');
  if (!existsSync(file)) throw new UserError(`${file}: no such recipe file`);
  const tree = parseYaml(await readText(file), file) ?? {};
  if (!isTree(tree)) throw new UserError(`${file}: expected fields and values, got ${kind(tree)}`);
  return tree;
}

function assignment(text: string): [path: string, value: unknown] {
  const [, path, value] = /^([^=\s]+?)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined)
    throw new UserError(`--set ${brief(text)}: expected path.to.field=value`);
  return [path, parseYaml(value, `--set ${brief(text)}`)];
}

function place(tree: Tree, path: string, value: unknown, source: string): void {
  const fields = path.split('.');
  const last = fields.pop()!;
  let at: Tree = tree;
  for (const field of fields) {
    const next = (Object.hasOwn(at, field) ? at[field] : undefined) ?? {};
    if (!isTree(next) && !Array.isArray(next))
      throw new UserError(`${source}: ${brief(field)} is ${kind(next)}, it has no fields`);
    at[field] = next;
    at = next as Tree;
  }
  at[last] = value;
}

/** `phase.epochs` of `phase.steps` and the other way: two ways to say how long a phase is. Of a recipe with both, epochs count. */
function otherLength(path: string): string | undefined {
  const [, phase, own] = /^(.+\.)(steps|epochs)$/.exec(path) ?? [];
  return own && `${phase}${own === 'steps' ? 'epochs' : 'steps'}`;
}

/** Leaves out a field. */
function drop(tree: Tree, path: string): void {
  const [, parent = '', last = path] = /^(.*)\.([^.]+)$/.exec(path) ?? [];
  const at = fieldAt(tree, parent);
  if (isTree(at)) delete at[last];
}

function fieldAt(tree: Tree, path: string): unknown {
  let at: unknown = tree;
  for (const field of path.split('.')) at = isTree(at) && Object.hasOwn(at, field) ? at[field] : undefined;
  return at;
}

/** The fields of a source's flags and overrides, by path. @throws UserError for an override without a field and a value */
export function givenFields({ flags = {}, set = [] }: Pick<RecipeSource, 'flags' | 'set'>): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  const add = (path: string, value: unknown) => {
    if (isTree(value)) for (const [field, inner] of Object.entries(value)) add(`${path}.${field}`, inner);
    else if (value !== undefined) flat[path] = value;
  };
  for (const [path, value] of Object.entries(flags)) add(path, value);
  for (const text of set) add(...assignment(text));
  return flat;
}

function refuseUnknownFields(
  schema: z.ZodType,
  value: unknown,
  path: readonly Field[],
  blame: (path: readonly Field[]) => string,
): void {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    for (const [i, item] of value.entries()) refuseUnknownFields(inner.element as z.ZodType, item, [...path, i], blame);
    return;
  }
  const object = inner instanceof z.ZodUnion ? optionFor(inner, value) : inner;
  if (!(object instanceof z.ZodObject) || !isTree(value)) return;
  const shape = object.shape as Record<string, z.ZodType>;
  for (const [field, content] of Object.entries(value)) {
    const here = [...path, field];
    const known = Object.hasOwn(shape, field) ? shape[field] : undefined;
    if (known) refuseUnknownFields(known, content, here, blame);
    else {
      const near = closest(field, Object.keys(shape));
      const hint = near ? `did you mean ${[...path, near].join('.')}?` : `known here: ${Object.keys(shape).join(', ')}`;
      throw new UserError(`${blame(here)}: unknown field ${brief(here.join('.'))}; ${hint}`);
    }
  }
}

/** The member of a union that the value is meant for: the one whose literal fields it has. */
function optionFor(union: z.ZodUnion, value: unknown): z.ZodType | undefined {
  const options = (union.options as z.ZodType[]).map(unwrap);
  if (!isTree(value)) return undefined;
  return options.find(
    (option) =>
      option instanceof z.ZodObject &&
      Object.entries(option.shape as Record<string, z.ZodType>).every(([field, s]) => {
        const literal = unwrap(s);
        return !(literal instanceof z.ZodLiteral) || literal.safeParse(value[field]).success;
      }),
  );
}

/** The schema inside defaults, options and transforms. */
function unwrap(schema: z.ZodType): z.ZodType {
  const { innerType, in: input } = schema.def as { innerType?: z.ZodType; in?: z.ZodType };
  const inner = innerType ?? input;
  return inner ? unwrap(inner) : schema;
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
const kind = (value: unknown) =>
  Array.isArray(value) ? 'a list' : value === null ? 'nothing' : typeof value === 'object' ? 'fields' : show(value);
