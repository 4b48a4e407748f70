import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../../../errors.js';
import type { Pack } from '../../images/packed.js';
import { splitName } from '../../splits/split-names.js';
import { isLitter } from '../litter.js';
import { filesBelowFolder } from '../walk.js';

/** One of several files that make up a data set. */
export interface Shard {
  readonly file: string;
  /** Its path below the folder that all shards share, with slashes. */
  readonly name: string;
  /** The split that its name or its folder's names, where all shards name one. */
  readonly split?: string;
}

/**
 * The files that a path stands for: itself, with braces expanded as a shell does (`{000..099}`, `{a,b}`), those whose names
 * match where the last part has stars (`*.tar`), or those of a folder whose names end so.
 *
 * @throws UserError where one is missing, or a folder has none
 */
export async function findShards(path: string, ending: RegExp): Promise<Shard[]> {
  const found: string[] = [];
  for (const one of expandBraces(path)) found.push(...(await filesOf(one, ending)));
  const files = [...new Set(found.map((one) => resolve(one)))];
  const shared = files.map(dirname).reduce(sharedFolder);
  const splits = files.map(splitOf);
  const named = splits.every((split) => split !== undefined);
  return files.map((file, i) => ({
    file,
    name: relative(shared, file).split(sep).join('/'),
    ...(named && { split: splits[i] }),
  }));
}

async function filesOf(path: string, ending: RegExp): Promise<string[]> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return [path];
  if (!info && /[*?]/.test(basename(path))) return matching(path);
  if (!info) throw new UserError(`${path}: no such file or folder`);
  const names = (await filesBelowFolder(path, [], (name) => ending.test(name))).filter((name) => ending.test(name));
  if (names.length === 0)
    throw new UserError(`${path}: expected files whose names end in ${ending.source}, found none`);
  return names.map((name) => join(path, name));
}

/** The files of a folder whose names match a pattern of `*` and `?`. */
async function matching(path: string): Promise<string[]> {
  const parts = basename(path).split(/([*?])/);
  const pattern = parts.map((part) =>
    part === '*' ? '[^/]*' : part === '?' ? '[^/]' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&'),
  );
  const names = await readdir(dirname(path)).catch((): string[] => []);
  const found = names.filter((name) => new RegExp(`^${pattern.join('')}$`).test(name) && !isLitter(name)).sort();
  if (found.length === 0) throw new UserError(`${path}: no file has such a name`);
  return found.map((name) => join(dirname(path), name));
}

const mostShards = 100_000;
const braces = /\{([^{}]*(?:\.\.|,)[^{}]*)\}/;

/**
 * `a{0..2}b` → a0b, a1b, a2b; numbers keep the width they are written in; `{x,y}` → each.
 *
 * @throws UserError before there are more than 100,000
 */
export function expandBraces(text: string): string[] {
  const parts = text.split(new RegExp(braces, 'g')); // what stands in braces is at the odd places
  const count = parts.reduce((product, part, i) => (i % 2 ? product * countOf(part) : product), 1);
  if (count > mostShards) throw new UserError(`${text}: expected at most ${mostShards} files, got ${count}`);
  const [before, inside, after] = [parts[0]!, parts[1], text.slice(parts[0]!.length + (parts[1]?.length ?? 0) + 2)];
  if (inside === undefined) return [text];
  // Braces within braces: the inner ones first.
  if (before.includes('{')) return choicesOf(inside).flatMap((choice) => expandBraces(before + choice + after));
  const rest = expandBraces(after);
  return choicesOf(inside).flatMap((choice) => rest.map((end) => before + choice + end));
}

const rangeOf = (inside: string): [from: string, to: string] | undefined => {
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(inside) ?? [];
  return from === undefined ? undefined : [from, to!];
};

function countOf(inside: string): number {
  const range = rangeOf(inside);
  return range ? Math.abs(Number(range[1]) - Number(range[0])) + 1 : inside.split(',').length;
}

function choicesOf(inside: string): string[] {
  const range = rangeOf(inside);
  if (!range) return inside.split(',');
  const [from, to] = range.map(Number) as [number, number];
  const step = from <= to ? 1 : -1;
  const width = range[0].length;
  return Array.from({ length: countOf(inside) }, (_, i) => String(from + step * i).padStart(width, '0'));
}

function sharedFolder(a: string, b: string): string {
  let folder = a;
  while (folder !== b && !b.startsWith(folder.endsWith(sep) ? folder : folder + sep)) folder = dirname(folder);
  return folder;
}

/** The split that a shard's name says, or the folder that it lies in. */
function splitOf(file: string): string | undefined {
  const words = /(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|dev|test(?:ing)?)(?![a-z])/i;
  for (const name of [basename(file), basename(dirname(file))]) {
    const found = words.exec(name);
    if (found) return splitName(found[1]!);
  }
  return undefined;
}

/** Shards repeat keys: an image's id begins with its shard's name. */
export function withShardName(pack: Pack, { name, split }: Shard): Pack {
  const prefix = <T extends { readonly id: string }>(one: T): T => ({
    ...one,
    id: one.id ? `${name}/${one.id}` : name,
  });
  return {
    ...pack,
    images: pack.images.map((image) => ({ ...prefix(image), ...(split !== undefined && { split }) })),
    skipped: pack.skipped.map(prefix),
  };
}
