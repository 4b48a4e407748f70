import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { readSafetensors } from '../files/index.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';

const handMade = (prompts: unknown) => JSON.stringify({ format: 'promptkd-prompts', version: 1, prompts });

describe('promptkd prompts', () => {
  it('lists a sample of a domain, the same from the same seed', async () => {
    const args = ['prompts', 'list', '--domain', 'food', '--sample', '20'];
    const { code, out } = await promptkd(...args);
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(21);
    expect(out).toMatch(/^food\/\d+ .*\[(OBJ|NAME|OBJS|ADJ OBJ)\]/m);
    expect(out).toMatch(/20 of \d+ templates\n$/);
    expect((await promptkd(...args)).out).toBe(out);
    const { count, templates } = JSON.parse((await promptkd(...args, '--json', '--class', 'grapes')).out);
    expect(count).toBeGreaterThan(300);
    expect(templates).toHaveLength(20);
    expect(templates[0]).toMatchObject({ domain: 'food', language: 'en', rendered: expect.stringMatching(/grapes/) });
  });

  it('lists published ensembles with their source', async () => {
    const { out } = await promptkd('prompts', 'ensembles', '--json');
    expect(JSON.parse(out)[0]).toMatchObject({ name: 'openai-imagenet', licence: 'MIT' });
  });

  it('names the nearest domain', async () => {
    const { code, err } = await promptkd('prompts', 'list', '--domain', 'foood');
    expect([code, err]).toEqual([2, 'promptkd: domain foood: not in the library; did you mean food?\n']);
  });
});

describe('promptkd search-prompts', () => {
  let folder = '';
  const at = (...names: string[]) => join(folder, ...names);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'promptkd-prompts-'));
    await saveCheckpoint(at('model'), teacher);
    for (const [name, background] of Object.entries({ red: '#e61e1e', blue: '#1e3cdc', 'an old car': '#888' })) {
      for (const split of ['train', 'test']) {
        await mkdir(at('images', split, name), { recursive: true });
        for (const width of [16, 20, 24, 28]) {
          const image = sharp({ create: { width, height: 16, channels: 3, background } });
          await image.toFile(at('images', split, name, `${width}.png`));
        }
      }
    }
  });
  afterAll(() => rm(folder, { recursive: true }));
  const search = (...more: string[]) => {
    const options =
      '--split train --domains drawings --sample 8 --size 2 --pool 6 --generations 1 --population 4 --threads 1';
    const data = ['--data', `folder:${at('images')}`, '--out', at('prompts.json')];
    return promptkd('search-prompts', at('model'), ...data, ...options.split(' '), '--quiet', ...more);
  };

  it('says that its file cannot be written before it searches', async () => {
    const out = at('model', 'config.json', 'x.json');
    const { code, err } = await search('--out', out, '--data', 'folder:nothing');
    expect(err).toBe(`promptkd: ${out}: cannot be written: expected a folder, got a file\n`);
    expect(code).toBe(2);
  });

  it('writes a file that evaluate, export and distill take', async () => {
    const { code, out, err } = await search('--json');
    expect([code, err]).toEqual([0, '']);
    const result = JSON.parse(out);
    expect(result).toMatchObject({ split: 'train', images: 12, classes: 3, held_out: { split: 'test', images: 12 } });
    expect(result.held_out.figures[1].gain_interval).toHaveLength(2);
    const written = JSON.parse(await readFile(at('prompts.json'), 'utf8'));
    expect(written).toMatchObject({ format: 'promptkd-prompts', version: 1, report: { method: result.method } });

    const prompts = ['--prompts', at('prompts.json')];
    const data = ['--data', `folder:${at('images')}`];
    const evaluated = await promptkd(
      'evaluate',
      at('model'),
      ...data,
      ...prompts,
      '--latency-runs',
      '0',
      '--json',
      '--quiet',
    );
    expect(JSON.parse(evaluated.out)).toMatchObject({
      top1: result.held_out.figures[0].top1,
      templates: written.prompts.map(({ template }: { template: string }) => template),
      weights: written.prompts.map(({ weight }: { weight: number }) => weight),
    });
    const exported = await promptkd('export', at('model'), '--out', at('exported'), '--classes', 'cat,owl', ...prompts);
    expect([exported.code, exported.err]).toEqual([0, '']);
    const { metadata } = readSafetensors(at('exported', 'classifier.safetensors'));
    expect(JSON.parse(metadata!.templates!)).toHaveLength(written.prompts.length);
    expect(JSON.parse(metadata!.weights!)[0]).toBe(written.prompts[0].weight);
  });

  it('is drawn from by its weights in a distillation, and stands in its recipe', async () => {
    await writeFile(at('two.json'), handMade([{ template: 'a photo of [OBJ]' }, { template: '{}', weight: 2 }]));
    const tower = '{hidden_size: 12, intermediate_size: 24, num_attention_heads: 2, num_hidden_layers: 1}';
    const settings = [
      `student.vision=${tower}`,
      `student.text=${tower}`,
      'student.init=random',
      'prompts.enabled=false',
    ];
    const steps = ['phases.prompt.steps=0', 'phases.joint.steps=2', 'batch=4', 'views=1'];
    const set = [...settings, ...steps].flatMap((setting) => ['--set', setting]);
    const data = ['--teacher', at('model'), '--data', `folder:${at('images')}`, '--out', at('run')];
    const run = await promptkd('distill', ...data, '--prompts', at('two.json'), ...set, '--threads', '1', '--quiet');
    expect([run.code, run.err]).toEqual([0, '']);
    const recipe = parse(await readFile(at('run', 'recipe.yaml'), 'utf8'));
    expect(recipe.texts).toMatchObject({ templates: ['a photo of [OBJ]', '{}'], weights: [1, 2] });
  });

  it('searches without labels, and prints a table', async () => {
    const { code, out } = await search('--unlabelled');
    expect(code).toBe(0);
    expect(out).toMatch(/^\d chosen without labels:$/m);
    expect(out).toMatch(/^12 other images[\s\S]*gains\s+over\s+it$/m);
    expect(out).toMatch(/^openai-imagenet +80 /m);
  });

  it('reads a file made by hand, and says what is wrong with another', async () => {
    const file = at('mine.json');
    const evaluate = () =>
      promptkd(
        'evaluate',
        at('model'),
        '--data',
        `folder:${at('images')}`,
        '--prompts',
        file,
        '--latency-runs',
        '0',
        '--quiet',
      );
    await writeFile(file, handMade([{ template: 'a photo of [OBJ]' }, { template: '{}', weight: 2 }]));
    expect(await evaluate()).toMatchObject({ code: 0, err: '' });
    for (const [prompts, reason] of [
      [[{ template: 'a photo' }], 'prompts.0.template: expected {} or [OBJ] where the class name stands'],
      [[{ template: 'a [VIEW] of [OBJ]' }], 'fill the slot VIEW first'],
      [[{ template: '{}', weight: 0 }], 'prompts.0.weight: '],
      [[], 'prompts: '],
    ] as const) {
      await writeFile(file, handMade(prompts));
      const { code, err } = await evaluate();
      expect(err).toContain(`promptkd: ${file}: `);
      expect(err).toContain(reason);
      expect([code, err.trim().split('\n').length]).toEqual([2, 1]);
    }
  });
});
