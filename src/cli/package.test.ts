import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { saveCheckpoint } from '../clip/index.js';
import { teacher } from '../test/colours.fixture.js';
import { put } from '../test/images.fixture.js';
import {
  freeNames,
  installedProject,
  packedFiles,
  publicNames,
  strictProgram,
  typeFaults,
  withoutTypes,
} from '../test/installed.fixture.js';
import { untoldThrows } from '../test/throws.fixture.js';
import { buildProgram } from './program.js';

/** Commands that do something themselves, with the names above them. */
const commandNames = (command: Command, above: readonly string[] = []): string[] => {
  const below = command.commands.filter((one) => one.name() !== 'help');
  const own = below.length === 0 ? [above.join(' ')] : [];
  return [...own, ...below.flatMap((one) => commandNames(one, [...above, one.name()]))];
};

const root = fileURLToPath(new URL('../../', import.meta.url));
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');
let files: string[];

beforeAll(async () => {
  files = await packedFiles();
});

describe('the package', () => {
  it('holds what says what it is made of', () => {
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'NOTICE', 'README.md', 'docs/benchmarks.md']));
    const notice = textOf('NOTICE');
    for (const part of ['onnxruntime-node', 'libvips', 'LGPL', 'OpenMoji', 'WordNet']) expect(notice).toContain(part);
  });

  it.each(['onnxruntime-web', '@huggingface/tokenizers', 'onnxruntime-node', 'sharp'])(
    'names the version of %s that it comes with',
    (name) => {
      const { dependencies, devDependencies } = JSON.parse(textOf('package.json')) as Record<
        'dependencies' | 'devDependencies',
        Record<string, string>
      >;
      const called = name === 'onnxruntime-web' ? 'ONNX Runtime Web' : name;
      expect(textOf('NOTICE')).toContain(`${called} ${dependencies[name] ?? devDependencies[name]},`);
    },
  );

  it('gives each model a card and a licence', () => {
    const models = new Set(files.flatMap((file) => /^models\/[^/]+/.exec(file)?.[0] ?? []));
    expect(models.size).toBeGreaterThan(0);
    for (const model of models) {
      expect(files).toEqual(expect.arrayContaining([`${model}/README.md`, `${model}/LICENSE`]));
      const [, front] = /^---\n(.*?)\n---\n/s.exec(textOf(`${model}/README.md`)) ?? [];
      expect(parse(front!)).toMatchObject({ license: 'cc-by-sa-4.0' });
      expect(textOf(`${model}/LICENSE`)).toContain('SPDX-License-Identifier: CC-BY-SA-4.0');
    }
  });

  it('has no link to what it does not hold', () => {
    const dead: string[] = [];
    for (const page of files.filter((file) => file.endsWith('.md'))) {
      const text = textOf(page).replace(/^```.*?^```/gms, '');
      for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link!) || link!.startsWith('#')) continue;
        const to = normalize(join(dirname(page), link!.replace(/#.*$/, '')));
        const isThere = files.some((file) => file === to || file.startsWith(to.endsWith('/') ? to : `${to}/`));
        if (!isThere) dead.push(`${page}: ${link}${existsSync(join(root, to)) ? ' (not packed)' : ''}`);
      }
    }
    expect(dead).toEqual([]);
  });
});

describe('installed in another project', () => {
  const programs = readdirSync(join(root, 'examples'));
  const { exports } = JSON.parse(textOf('package.json')) as { exports: Record<string, string | { types: string }> };
  const entries = Object.entries(exports).flatMap(([path, entry]) =>
    typeof entry === 'string' ? [] : [{ path: path.slice(2), from: join('promptkd', path), types: entry.types }],
  );
  const declarationsOf = ({ types }: { types: string }) => join(project, 'node_modules/promptkd', types);
  /** The most used names; each has an example. Of slow ones, what they run with here instead; null: a program below runs them. */
  const examples: Readonly<Record<string, readonly [string, string] | null | undefined>> = {
    classify: undefined,
    embed: undefined,
    cascade: undefined,
    loadModel: undefined,
    openDataset: undefined,
    evaluateModel: undefined,
    embedDataset: undefined,
    exportModel: undefined,
    quantizeModel: ["out: 'small'", "out: 'small', rounding: 'nearest', dtypes: ['q8']"],
    distill: null,
  };
  const folder = process.cwd();
  let project = '';
  let program: ts.Program;

  beforeAll(async () => {
    project = await installedProject(files);
    for (const name of ['cat', 'dog']) for (let i = 0; i < 5; i++) await put(project, `photos/${name}/${i}.png`);
    cpSync(join(project, 'photos/cat/0.png'), join(project, 'cat.png'));
    writeFileSync(join(project, 'captions.csv'), 'file,caption\nphotos/cat/0.png,a cat\n');
    await saveCheckpoint(join(project, 'teacher'), teacher);
    cpSync(join(root, 'examples'), join(project, 'examples'), { recursive: true });
    for (const [i, page] of ['README.md', 'README.zh-CN.md'].entries()) {
      const [, code] = /```ts\n(.*?)```/s.exec(textOf(page)) ?? [];
      writeFileSync(join(project, `readme${i}.ts`), code!);
    }
    const declarations = entries.map(declarationsOf);
    const own = strictProgram(project, declarations);
    const written = new Set<string>();
    for (const [i, { path, from }] of entries.entries()) {
      const shown = publicNames(own, declarations[i]!);
      const names = new Set(shown.map(({ name }) => name));
      for (const {
        name,
        examples: [example],
      } of shown) {
        if (!example || written.has(name + example)) continue;
        written.add(name + example);
        const used = [...freeNames(example)].filter((other) => names.has(other));
        const types = new Set(shown.flatMap((one) => (one.isType ? [one.name] : [])));
        const listed = used.map((other) => (types.has(other) ? `type ${other}` : other)).join(', ');
        const file = join(project, `${['example', path, name].filter(Boolean).join('-')}.ts`);
        writeFileSync(file, `import { ${listed} } from '${from}';\n${example}\n`);
      }
    }
    const pages = readdirSync(project).filter((file) => file.endsWith('.ts'));
    const sources = [...pages, ...programs.map((file) => `examples/${file}`)].map((file) => join(project, file));
    program = strictProgram(project, [...declarations, ...sources], own);
    process.chdir(project);
  });
  afterAll(() => {
    process.chdir(folder);
    rmSync(project, { recursive: true });
  });

  it('compiles what README, examples and docstrings show, strictly', () => {
    expect(typeFaults(program)).toEqual([]);
  });

  it('documents every public name, and about 60 stand at its root', () => {
    const all = entries.flatMap((entry) => publicNames(program, declarationsOf(entry)));
    expect(all.filter(({ text }) => text === '').map(({ name }) => name)).toEqual([]);
    const atRoot = publicNames(program, declarationsOf(entries[0]!));
    expect(atRoot.length).toBeLessThan(70);
    const shown = atRoot.filter((name) => name.examples.length > 0).map(({ name }) => name);
    expect(shown).toEqual(expect.arrayContaining(Object.keys(examples)));
  });

  it('has a function for each command, as docs/library.md lists them', () => {
    const namesOf = new Map(
      entries.map((entry) => [entry.from, publicNames(program, declarationsOf(entry)).map(({ name }) => name)]),
    );
    const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, one]) => one!);
    const rows = [...textOf('docs/library.md').matchAll(/^\| (`.*) \| (.*) \| (.*)\|$/gm)];
    expect(rows.flatMap(([, commands]) => quoted(commands!)).sort()).toEqual(commandNames(buildProgram()).sort());
    const missing = rows.flatMap(([, , functions, from]) => {
      const there = new Set(quoted(from!).flatMap((path) => namesOf.get(path) ?? []));
      const named = quoted(functions!).filter((one) => /^[A-Za-z]\w+(\.start)?$/.test(one) && one !== 'others');
      return named.filter((one) => !there.has(one.split('.')[0]!)).map((one) => `${one} of ${from}`);
    });
    expect(missing).toEqual([]);
  });

  it('says of every public function that may throw what it throws', () => {
    const silent = entries
      .flatMap((entry) => publicNames(program, declarationsOf(entry)))
      .flatMap(({ declared: { file, name } }) => {
        const [, path = ''] = /promptkd\/dist\/(.*)\.d\.ts$/.exec(file) ?? [];
        return untoldThrows(join(root, 'src', `${path}.ts`), name).map((one) => `src/${path}.ts: ${one}`);
      });
    expect([...new Set(silent)]).toEqual([]);
  });

  it.each(Object.entries(examples).flatMap(([name, change]) => (change === null ? [] : [[name, change] as const])))(
    'runs the example of %s',
    async (name, change) => {
      const text = readFileSync(join(project, `example-${name}.ts`), 'utf8');
      if (change) expect(text).toContain(change[0]);
      const file = join(project, `example-${name}.mjs`);
      writeFileSync(file, withoutTypes(change ? text.replace(...change) : text));
      const log = vi.spyOn(console, 'log').mockImplementation(() => {});
      await import(/* @vite-ignore */ pathToFileURL(file).href);
      log.mockRestore();
    },
  );

  it('says in the examples of the tasks what they print', async () => {
    const quick = [
      ...['answerAccuracy', 'aupro', 'bleu', 'ciderD', 'keywordF1', 'labelReport', 'normaliseAnswer', 'patchEncoder'],
      ...['patchFeatures', 'patchTokens', 'productOf', 'rank', 'rougeL', 'statementOf', 'thresholdFromSound'],
      'vqaAccuracy',
    ];
    for (const name of quick) {
      const text = readFileSync(join(project, `example-tasks-${name}.ts`), 'utf8');
      const file = join(project, `example-tasks-${name}.mjs`);
      writeFileSync(file, withoutTypes(text));
      const said: string[] = [];
      const log = vi.spyOn(console, 'log').mockImplementation((word) => void said.push(String(word)));
      await import(/* @vite-ignore */ pathToFileURL(file).href);
      log.mockRestore();
      const told = [...text.matchAll(/console\.log\(.*\); \/\/ (\S+.*)$/gm)].map(([, comment]) => comment!);
      for (const [i, comment] of told.entries())
        if (/^[\d.]+$|^[a-z0-9 ]+$/.test(comment)) expect([name, said[i]]).toEqual([name, comment]);
    }
  });

  it.each([
    ['zero-shot.mjs', ['cat.png', 'cat', 'dog'], / % {2}cat/],
    ['cascade-hono.mjs', [], /answeredBy/],
    ['search.mjs', ['folder:photos', 'a cat', 'found'], /10 images embedded, 0 were there/],
    ['own-loss.mjs', ['2', '8', '4'], /step 2: /],
    ['train-tensor.mjs', ['50', '70'], /artists, \d+ % of 14/],
    ['distill.mjs', ['folder:photos', 'teacher', '1', 'distilled'], /parameters, top-1/],
  ])('runs %s', async (name, args, expected) => {
    expect(programs).toContain(name);
    const said: unknown[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((...words) => void said.push(...words));
    const { argv } = process;
    process.argv = [...argv.slice(0, 2), ...args];
    try {
      await import(/* @vite-ignore */ pathToFileURL(join(project, 'examples', name)).href);
    } finally {
      process.argv = argv;
      log.mockRestore();
    }
    expect(said.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join('\n')).toMatch(expected);
  });
});
