import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { put } from '../test/images.fixture.js';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const run = () => at('run');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-quantize-cli-'));
  await saveCheckpoint(at('teacher'), teacher);
  for (const name of ['ant', 'owl', 'cat']) for (let i = 0; i < 10; i++) await put(at('images'), `${name}/${i}.png`);
  const small = '{ hidden_size: 12, intermediate_size: 24, num_attention_heads: 2, num_hidden_layers: 1 }';
  const sets = [
    `student.vision=${small}`,
    `student.text=${small}`,
    'prompts={ width: 8, heads: 2, intermediate_size: 16 }',
    'phases={ warmup: { steps: 0 }, prompt: { steps: 1 }, joint: { steps: 2 } }',
    'batch=6',
    'views=2',
  ].flatMap((set) => ['--set', set]);
  const data = ['--data', `folder:${at('images')}`];
  const { code, err } = await promptkd(
    'distill',
    '--teacher',
    at('teacher'),
    ...data,
    '--out',
    run(),
    '--quiet',
    ...sets,
  );
  expect([code, err]).toEqual([0, '']);
});
afterAll(() => rm(folder, { recursive: true }));

describe('promptkd quantize', () => {
  it("fine-tunes a run's student with the run's own teacher, data and stored targets, so many times smaller", async () => {
    // The teacher is found from the run's folder, wherever the command is called.
    expect(await readFile(join(run(), 'recipe.yaml'), 'utf8')).toMatch(/made_with:\n {2}teacher: \.\.\/teacher\n/);
    const { mtimeMs } = await stat(join(run(), 'targets', 'manifest.json'));
    const options = ['--smaller', '4', '--tune', '20', '--finetune', '8', '--finetune-lr', '1e-3', '--json', '--quiet'];
    const { code, out, err } = await promptkd('quantize', run(), '--out', at('small'), ...options);
    expect([code, err]).toEqual([0, '']);
    const result = JSON.parse(out);
    expect(result.bytes_fp32 / result.bytes).toBeGreaterThanOrEqual(4);
    expect(result.calibration_classes).toBe(3);
    expect(result.finetuned.steps).toBe(8);
    expect(result.finetuned.after).toBeLessThan(result.finetuned.before);
    // The prompt encoder is no exception where bytes are asked for.
    expect(result.mixture['prompt_encoder.text_heads.0.weight']).toMatch(/^(fp8|nf4|codebook)$/);
    expect((await stat(join(run(), 'targets', 'manifest.json'))).mtimeMs).toBe(mtimeMs);
  });

  it('takes teacher and data from flags for a student without a run', async () => {
    await rename(join(run(), 'student'), at('alone'));
    const [data, finetune] = [
      ['--data', `folder:${at('images')}`],
      ['--tune', '20', '--finetune', '2'],
    ];
    const without = await promptkd('quantize', at('alone'), '--out', at('q'), ...data, ...finetune, '--quiet');
    expect(without).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--finetune: expected a teacher, .* --teacher/),
    });
    const given = await promptkd(
      'quantize',
      at('alone'),
      '--out',
      at('q'),
      ...data,
      ...finetune,
      '--teacher',
      at('teacher'),
    );
    expect(given.code).toBe(0);
    expect(given.out).toMatch(/fine-tuned for 2 updates: loss against the teacher \S+ before, \S+ after/);
  });

  it.each([
    ['the model', () => [at('alone'), at('alone')]],
    ['a model that it made, by another name', () => [at('small'), at('teacher', '..', 'small')]],
  ])('does not write over %s', async (_, folders) => {
    const [model, out] = folders() as [string, string];
    const { code, err } = await promptkd('quantize', model, '--out', out, '--data', `folder:${at('images')}`);
    expect(err).toBe(`promptkd: --out ${out}: expected another folder than the model's own, which would be replaced\n`);
    expect(code).toBe(2);
  });

  it.each<[string, () => string[], RegExp]>([
    ['a teacher without fine-tuning', () => ['--teacher', at('teacher')], /--teacher: only --finetune uses it/],
    ['targets that are not there', () => ['--finetune', '2', '--targets', at('no')], /--targets .*no: no such folder/],
    [
      'targets that are something else',
      () => ['--finetune', '2', '--targets', at('images')],
      /images: expected stored teacher targets, an empty folder or none, found \w+/,
    ],
    ['no updates', () => ['--finetune', '0'], /'--finetune <n>' argument '0' is invalid/],
    ['a rate of nothing', () => ['--finetune', '1', '--finetune-lr', '0'], /expected a number above 0/],
    ['a model made larger', () => ['--smaller', '0.5'], /'--smaller <times>' .* expected a number of at least 1/],
    ['more than can be saved', () => ['--smaller', '30'], /smaller: expected at most \d\.\d\d times, .* got 30/],
    ['fewer bytes than there can be', () => ['--budget', '30'], /budget: expected at least [\d,]+ bytes/],
    ['two budgets', () => ['--smaller', '4', '--budget', '9000'], /'--budget <bytes>' cannot be used with .*--smaller/],
  ])('answers %s with one sentence and exit code 2', async (_, args, message) => {
    const data = ['--data', `folder:${at('images')}`];
    const teacherGiven = args().includes('--finetune') ? ['--teacher', at('teacher')] : [];
    const all = ['--out', at('x'), '--quiet', ...data, ...teacherGiven, ...args()];
    const { code, out, err } = await promptkd('quantize', at('alone'), ...all);
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, out]).toEqual([2, '']);
  });
});
