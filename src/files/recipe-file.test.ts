import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadRecipe, writeRecipe } from './recipe-file.js';

const schema = z.strictObject({
  seed: z.number().int().default(0),
  method: z.enum(['promptkd', 'kd']).default('promptkd'),
  losses: z
    .strictObject({ attention: z.strictObject({ weight: z.number().min(0).max(10).default(1) }).prefault({}) })
    .prefault({}),
  optimizer: z
    .discriminatedUnion('name', [
      z.strictObject({ name: z.literal('adamw'), beta2: z.number().lt(1).default(0.999) }),
      z.strictObject({ name: z.literal('sgd'), momentum: z.number().default(0.9) }),
    ])
    .default({ name: 'adamw', beta2: 0.999 }),
  phases: z.array(z.strictObject({ steps: z.number().int().positive() })).default([]),
  templates: z.array(z.string().min(1)).min(1).default(['{}']),
  views: z.union([z.literal('all'), z.int().positive()]).default(1),
});

/** So many lists, each of so many aliases of the one before. */
const bomb = (lists: number, aliases: number) =>
  Array.from({ length: lists }, (_, i) => {
    const items = Array(aliases).fill(i === 0 ? 1 : `*a${i - 1}`);
    return `a${i}: &a${i} [${items}]`;
  }).join('\n');

describe('recipe file', () => {
  it('finds one that comes with the package by its name', async () => {
    const read = await loadRecipe(z.record(z.string(), z.unknown()), { file: 'promptkd:vqa-emoji' });
    expect(read.data).toEqual({ dataset: 'emoji-vqa' });
  });

  let folder: string;
  const file = async (text: string) => {
    const path = join(folder, 'a.yaml');
    await writeFile(path, text);
    return path;
  };
  const refusal = async (text: string, set: string[] = []) =>
    loadRecipe(schema, { file: await file(text), set }).then(
      () => 'accepted',
      (error: Error) => `${error.name}: ${error.message.replace(folder, '')}`,
    );
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-recipe-'));
  });

  it('completes a file with defaults; --set wins over flags, flags over the file', async () => {
    const path = await file('seed: 3\nlosses: { attention: { weight: 2 } }\nphases: [{ steps: 5 }]\n');
    const source = {
      file: path,
      flags: { 'losses.attention.weight': 0, method: 'kd' },
      set: ['seed=7', 'phases.0.steps=9', 'method=promptkd'],
    };
    expect(await loadRecipe(schema, source)).toEqual({
      seed: 7,
      method: 'promptkd',
      losses: { attention: { weight: 0 } },
      optimizer: { name: 'adamw', beta2: 0.999 },
      phases: [{ steps: 9 }],
      templates: ['{}'],
      views: 1,
    });
  });

  it.each([
    ['losses: { atention: { weight: 1 } }', 'unknown field losses.atention; did you mean losses.attention?'],
    ['phases: [{ stops: 1 }]', 'unknown field phases.0.stops; did you mean phases.0.steps?'],
    ['optimizer: { name: sgd, momentun: 1 }', 'unknown field optimizer.momentun; did you mean optimizer.momentum?'],
    [
      'constructor: 1',
      'unknown field constructor; known here: seed, method, losses, optimizer, phases, templates, views',
    ],
    ['losses: { attention: { weight: 11 } }', 'losses.attention.weight: expected at most 10, got 11'],
    ['losses: { attention: { weight: yes please } }', 'losses.attention.weight: expected number, got "yes please"'],
    ['optimizer: { name: adamw, beta2: 1 }', 'optimizer.beta2: expected less than 1, got 1'],
    ['method: prompkd', 'method: expected one of promptkd, kd, got "prompkd"; did you mean promptkd?'],
    ['phases: [{ steps: 0 }]', 'phases.0.steps: expected more than 0, got 0'],
    ['templates: []', 'templates: expected at least 1 item, got []'],
    ['templates: ["", x]', 'templates.0: expected at least 1 character, got ""'],
    ['views: none', 'views: expected "all" or number, got "none"'],
    ['- 1', 'expected fields and values, got a list'],
  ])('refuses %s', async (text, message) => {
    expect(await refusal(text)).toBe(`UserError: /a.yaml: ${message}`);
  });

  it('counts a phase as --set says it, in steps or in epochs, and refuses both', async () => {
    const counted = z.object({ joint: z.object({ steps: z.number().default(7), epochs: z.number().optional() }) });
    const path = await file('joint: { epochs: 3, steps: 5 }');
    const set = (...assignments: string[]) => loadRecipe(counted, { file: path, set: assignments });
    expect(await set('joint.steps=9')).toEqual({ joint: { steps: 9 } });
    expect(await set('joint.epochs=2')).toEqual({ joint: { epochs: 2, steps: 7 } });
    expect(await set('joint.steps=9', 'joint.steps=8')).toEqual({ joint: { steps: 8 } });
    await expect(set('joint.epochs=2', 'joint.steps=9')).rejects.toThrow(
      '--set joint.steps=9: --set joint.epochs=2 says how long already: leave out one of them',
    );
  });

  it('blames an override by name', async () => {
    expect(await refusal('', ['seed=x'])).toBe('UserError: --set seed=x: seed: expected number, got "x"');
    expect(await refusal('', ['sead=1'])).toBe('UserError: --set sead=1: unknown field sead; did you mean seed?');
    expect(await refusal('', ['seed'])).toBe('UserError: --set seed: expected path.to.field=value');
    expect(await refusal('', ['seed.x=1', 'seed.y=2'])).toContain('seed: expected number');
  });

  it('refuses broken YAML and missing files', async () => {
    expect(await refusal('a: [1')).toMatch(/^UserError: \/a\.yaml: not valid YAML: /);
    await expect(loadRecipe(schema, { file: join(folder, 'none.yaml') })).rejects.toThrow('no such recipe file');
  });

  it.each([
    ['aliases of what is not there', 'method: *nope', /not valid YAML: /],
    ['aliases of what holds them', 'seed: &a {b: [*a]}', /at most 50 levels/],
    ['levels without end', `seed: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, /at most 50 levels/],
    ['levels of lists by dashes', `seed: \n ${'- '.repeat(20_000)}1`, /at most 50 levels/],
    ['levels of keys', `${'? '.repeat(20_000)}1`, /at most 50 levels/],
    ['51 levels', `seed: ${'['.repeat(51)}${']'.repeat(51)}`, /at most 50 levels/],
    ['aliases that make much of little', bomb(9, 9), /not valid YAML: Excessive alias count/],
    ['aliases that make some more', bomb(4, 25), /at most 100000 values|Excessive alias count/],
    ['more text than a recipe', `seed: "${'x'.repeat(2e6)}"`, /at most 1000000 characters, got 2000008/],
    ['a field with a long name', `${'x'.repeat(900)}: 1`, /unknown field x{57}\.\.\.;/],
  ])('refuses %s', async (_, text, message) => {
    const said = await refusal(text);
    expect(said).toMatch(/^UserError: \/a\.yaml: /);
    expect(said).toMatch(message);
    if (text.startsWith('seed: [')) expect(await refusal('', [text.replace(': ', '=')])).toMatch(message);
  });

  it('says that a run’s folder cannot be made', async () => {
    const fresh = await file('');
    await expect(writeRecipe(join(fresh, 'run'), {})).rejects.toThrow(
      `${join(fresh, 'run', 'recipe.yaml')}: cannot be written: expected a folder, got a file`,
    );
  });

  it('writes a recipe that runs again as it is', async () => {
    const recipe = await loadRecipe(schema, { set: ['seed=5'] });
    const out = join(folder, 'run');
    await writeRecipe(out, recipe);
    const text = await readFile(join(out, 'recipe.yaml'), 'utf8');
    expect(text).toMatch(/made_with:\n {2}promptkd: \d/);
    expect(await loadRecipe(schema, { file: join(out, 'recipe.yaml') })).toEqual(recipe);
  });
});
