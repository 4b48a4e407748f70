import { stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '../../errors.js';
import { splitName } from '../assemble.js';
import type { Pack } from '../packed.js';
import { filesBelowFolder } from './walk.js';

/** One of several files that make up a data set. */
export interface Shard {
  readonly file: string;
  /** Its path below the folder that all shards share, with slashes. */
  readonly name: string;
  /** The split that its name or its folder's names, where all shards name one. */
  readonly split?: string;
}

/**
 * The files that a path stands for: itself, with braces expanded as a shell does (`{000..099}`, `{a,b}`), or those of a
 * folder whose names end so.
 *
 * @throws UserError where one is missing, or a folder has none
 */
export async function findShards(path: string, ending: RegExp): Promise<Shard[]> {
  const files = (await Promise.all(expandBraces(path).map((one) => filesOf(one, ending))))
    .flat()
    .map((one) => resolve(one));
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
  if (!info) throw new UserError(`${path}: no such file or folder`);
  const names = (await filesBelowFolder(path, [])).filter((name) => ending.test(name));
  if (names.length === 0)
    throw new UserError(`${path}: expected files whose names end in ${ending.source}, found none`);
  return names.map((name) => join(path, name));
}

/** `a{0..2}b` → a0b, a1b, a2b; numbers keep the width they are written in; `{x,y}` → each. */
export function expandBraces(text: string): string[] {
  const [, before, inside, after] = /^(.*?)\{([^{}]*(?:\.\.|,)[^{}]*)\}(.*)$/s.exec(text) ?? [];
  if (inside === undefined) return [text];
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(inside) ?? [];
  const choices = from === undefined ? inside.split(',') : numbers(from, to!);
  return choices.flatMap((choice) => expandBraces(before + choice + after));
}

const mostShards = 100_000;

function numbers(from: string, to: string): string[] {
  const count = Math.abs(Number(to) - Number(from)) + 1;
  if (count > mostShards) throw new UserError(`{${from}..${to}}: expected at most ${mostShards} files, got ${count}`);
  const step = Number(from) <= Number(to) ? 1 : -1;
  return Array.from({ length: count }, (_, i) => String(Number(from) + step * i).padStart(from.length, '0'));
}

function sharedFolder(a: string, b: string): string {
  let folder = a;
  while (folder !== b && !b.startsWith(folder.endsWith(sep) ? folder : folder + sep)) folder = dirname(folder);
  return folder;
}

function splitOf(file: string): string | undefined {
  const words = /(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|dev|test)(?![a-z])/i;
  const found = words.exec(basename(file)) ?? words.exec(basename(dirname(file)));
  return found ? splitName(found[1]!) : undefined;
}

/** Shards repeat keys: a picture's id begins with its shard's name. */
export function withShardName(pack: Pack, { name, split }: Shard): Pack {
  const prefix = <T extends { readonly id: string }>(one: T): T => ({
    ...one,
    id: one.id ? `${name}/${one.id}` : name,
  });
  return {
    ...pack,
    pictures: pack.pictures.map((picture) => ({ ...prefix(picture), ...(split !== undefined && { split }) })),
    skipped: pack.skipped.map(prefix),
  };
}
