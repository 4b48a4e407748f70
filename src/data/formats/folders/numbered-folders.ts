import { plainName } from '../../labels/class-labels.js';

/** A number of one width, or of WordNet: `001.Laysan_Albatross`, `n02085620-Chihuahua`. */
const numbered = /^(\d{2,}|n\d{8})[._ -]+(?=\p{L})(.+)$/u;

/**
 * Names of classes behind the numbers that their folders begin with, by the folders' names. Empty unless all folders begin
 * with different numbers of one width, and the names behind them differ.
 */
export function namesBehindNumbers(folders: Iterable<string>): ReadonlyMap<string, string> {
  const all = [...new Set(folders)];
  const parts = all.flatMap((folder) => {
    const [, number, name] = numbered.exec(folder) ?? [];
    return number === undefined ? [] : [{ folder, number, name: name! }];
  });
  const areAlike =
    all.length > 1 && parts.length === all.length && distinct(parts, ({ number }) => number.length) === 1;
  const differ =
    distinct(parts, ({ number }) => number) === all.length &&
    distinct(parts, ({ name }) => plainName(name)) === all.length;
  return new Map(areAlike && differ ? parts.map(({ folder, name }) => [folder, name]) : []);
}

const distinct = <T>(all: readonly T[], of: (one: T) => unknown): number => new Set(all.map(of)).size;
