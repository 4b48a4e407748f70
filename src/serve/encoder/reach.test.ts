import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const src = fileURLToPath(new URL('../..', import.meta.url));

/** Imports and exports of a module that load another: the names between the keyword and its `from`, and the file. */
const loads = /^(?:import|export)\s+(?!type\b)([^'";]*?\bfrom\s+)?'(\.[^']+)'/gm;

/** Whether all that is imported is types, so that the compiler leaves the import out. */
const typesAlone = (names = '') =>
  /^\{[^}]*\}/.test(names) && [...names.matchAll(/[{,]\s*(\w+)/g)].every(([, first]) => first === 'type');

/** The files of this package that a file loads when it is loaded, itself included; types and lazy imports do not count. */
function staticReach(entry: string): string[] {
  const seen = new Set<string>();
  const open = [resolve(src, entry)];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const [, names, path] of readFileSync(file, 'utf8').matchAll(loads)) {
      const found = resolve(dirname(file), path!.replace(/\.js$/, '.ts'));
      if (!typesAlone(names) && existsSync(found)) open.push(found);
    }
  }
  return [...seen].map((file) => relative(src, file));
}

it('loads no training code with a serving worker', () => {
  const files = staticReach('serve/encoder/worker.ts');
  const rooms = new Set(files.map((file) => file.split('/')[0]));
  for (const room of ['clip', 'model', 'runtime', 'serve', 'tensor']) expect(rooms).toContain(room);
  const training = [
    'train',
    'distill',
    'pretrain',
    'tune-prompts',
    'cvpr2024',
    'compress',
    'evaluate',
    'report',
    'cli',
  ];
  expect(files.filter((file) => training.includes(file.split('/')[0]!))).toEqual([]);
  // Each of its threads loads them all: 378 before serving had a model of its own to load; 14 are of prompt banks.
  expect(files.length).toBeLessThan(320);
});
