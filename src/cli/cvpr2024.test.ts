import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { initClip } from '../clip/towers/initialise.js';
import { readSafetensors } from '../files/index.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';

const root = await mkdtemp(join(tmpdir(), 'promptkd-cvpr2024-cli-'));
const path = (name: string) => join(root, name);

const colours = { blue: '#2040e0', gold: '#e0b020', green: '#20c040', red: '#e02020' };

beforeAll(async () => {
  const { config } = teacher;
  await saveCheckpoint(path('teacher'), teacher);
  const small = { ...config, projection_dim: 8 };
  await saveCheckpoint(path('small'), { ...teacher, config: small, params: initClip(small, 9) });
  for (const [name, background] of Object.entries(colours)) {
    for (const [split, count] of [
      ['train', 4],
      ['test', 3],
    ] as const) {
      await mkdir(path(`data/${split}/${name}`), { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = sharp({ create: { width: 16 + i, height: 16, channels: 3, background } });
        await image.png().toFile(path(`data/${split}/${name}/${i}.png`));
      }
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

describe('promptkd cvpr2024', () => {
  const models = ['--teacher', path('teacher'), '--student', path('small'), '--threads', '1'];
  const short = ['tuning.epochs=2', 'tuning.average.mean=1', 'distillation.epochs=2'];
  const quick = [...short, 'tuning.batch=4', 'prompts.n_ctx=2', 'prompts.context=""'].flatMap((field) => [
    '--set',
    field,
  ]);
  const data = ['--data', `folder:${path('data')}?novel=half`];

  it('measures base, novel and H over seeds, and leaves students that evaluate and export read', async () => {
    const out = path('run');
    const run = (...more: string[]) =>
      promptkd('cvpr2024', ...models, ...data, ...quick, '--out', out, '--json', '--quiet', ...more);
    const first = await run('--seeds', '1');
    expect([first.code, first.err]).toEqual([0, '']);
    // The finished seed is not trained again.
    const both = JSON.parse((await run('--seeds', '2')).out);
    expect(both.seeds[0]).toEqual(JSON.parse(first.out).seeds[0]);
    expect(both.student.base.values).toHaveLength(2);
    const [a, b] = both.student.harmonic.values;
    expect(both.student.harmonic).toMatchObject({ mean: (a + b) / 2, deviation: Math.abs(a - b) / Math.SQRT2 });
    expect(both.zero_shot_student.base.deviation).toBe(0);
    expect(JSON.parse(await readFile(join(out, 'figures.json'), 'utf8'))).toEqual(both);

    expect(both).toMatchObject({
      selection: expect.stringContaining('last epoch'),
      collapsed_seeds: expect.any(Array),
    });
    expect(both.seeds[1].student.harmonic).toBe(b);

    const kept = JSON.parse(await readFile(join(out, 'seed-2/figures.json'), 'utf8'));
    expect(kept.base_novel.student).toEqual(both.seeds[1].student);

    const shown = await promptkd('cvpr2024', ...models, ...data, ...quick, '--out', out, '--seeds', '2', '--quiet');
    const percent = (share: number) => (share * 100).toFixed(1);
    const { base, novel, harmonic } = both.seeds[1].student;
    const third = [base.value, novel.value, harmonic].map(percent).join(' / ');
    expect(shown.out).toMatch(new RegExp(`\\n *2 .* ${third}\\n`));
    expect(shown.out).toContain('every seed counts');

    const folder = both.seeds[1].students[0];
    const measured = await promptkd('evaluate', folder, ...data, '--latency-runs', '0', '--json', '--quiet');
    expect(JSON.parse(measured.out)).toMatchObject({ base: both.student.base.values[1], templates: [] });
    const other = await promptkd('evaluate', folder, ...data, '--templates', 'a {}', '--quiet');
    expect([other.code, other.err]).toEqual([2, expect.stringContaining('leave the templates out')]);

    const exported = await promptkd('export', join(out, 'seed-2'), '--out', path('exported'), '--json', '--quiet');
    expect([exported.code, exported.err]).toEqual([0, '']);
    expect(JSON.parse(exported.out).files).toContain('onnx/vision_model_fp16.onnx');
    expect(existsSync(path('exported/onnx/text_model.onnx'))).toBe(false);
    const { metadata } = readSafetensors(path('exported/classifier.safetensors'));
    expect(JSON.parse(metadata.classes!)).toEqual(Object.keys(colours));
  });

  it('tunes on one data set, distils and measures on another', async () => {
    const target = `folder:${path('data')}`;
    const done = await promptkd(
      ...['cvpr2024', ...models, ...data, ...quick, '--transfer', target, '--seeds', '1', '--out', path('transfer')],
      ...['--json', '--quiet'],
    );
    expect(done.err).toBe('');
    const { transfer, seeds, student } = JSON.parse(done.out);
    expect(student).toBeUndefined();
    expect(transfer).toEqual([
      expect.objectContaining({ student: { mean: expect.any(Number), values: [expect.any(Number)] } }),
    ]);
    const { metadata } = readSafetensors(join(seeds[0].students[0], 'visual_student.safetensors'));
    expect(JSON.parse(metadata.classes!)).toEqual(Object.keys(colours)); // all four, none of them new
  });

  it.each([
    [
      [...models, '--out', path('none'), '--data', `folder:${path('data')}`],
      /expected novel classes .* add \?novel=half/,
    ],
    [[...models.slice(2), '--out', path('none')], /required option '--teacher <folder>' not specified/],
    [[...models, '--out', path('none'), '--seeds', '0'], /argument '0' is invalid/],
  ])('answers bad input with one sentence and exit code 2: %#', async (args, message) => {
    const { code, out, err } = await promptkd('cvpr2024', ...args, ...quick, '--quiet');
    expect(err).toMatch(message);
    expect([code, out]).toEqual([2, '']);
  });
});
