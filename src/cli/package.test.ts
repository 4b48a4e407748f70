import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../../', import.meta.url));
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');
let files: string[];

beforeAll(() => {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ files: packed }] = JSON.parse(listed) as [{ files: { path: string }[] }];
  files = packed.map(({ path }) => path);
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
