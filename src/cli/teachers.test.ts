import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { initClip } from '../clip/towers/initialise.js';
import { config, recipe, teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { put } from '../test/images.fixture.js';
import { withTeacherModels } from './teacher-models.js';

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-teachers-test-'));
  for (const name of ['red', 'green', 'blue']) for (let i = 0; i < 5; i++) await put(at('images'), `${name}/${i}.png`);
  await saveCheckpoint(at('first'), teacher);
  await saveCheckpoint(at('second'), { ...teacher, params: initClip(config, 9) });
  const phases = { prompt: { steps: 0 }, joint: { steps: 2, lr: 1e-3 } };
  const short = recipe({ phases, prompts: { enabled: false } });
  await writeFile(at('recipe.yaml'), stringify(short));
});
afterAll(() => rm(folder, { recursive: true }));

it('distils two teachers, says what each is worth, and exports the student in the second’s joint space', async () => {
  const given = ['--teacher', at('first'), '--teacher', at('second'), '--data', `folder:${at('images')}`, '--quiet'];
  const done = await promptkd(
    'distill',
    ...given,
    '--recipe',
    at('recipe.yaml'),
    '--fusion',
    'equal',
    '--out',
    at('both'),
    '--json',
  );
  expect([done.code, done.err]).toEqual([0, '']);
  const { teachers } = JSON.parse(done.out);
  expect(teachers).toMatchObject({ rule: 'equal', teachers: [{ name: at('first') }, { name: at('second') }] });
  expect(teachers.oracle).toBeGreaterThanOrEqual(teachers.teachers[0].top1);
  expect(await readFile(at('both/teachers.html'), 'utf8')).toContain('Weights by class');
  const written = parse(await readFile(at('both/recipe.yaml'), 'utf8'));
  expect(written).toMatchObject({
    fusion: { rule: 'equal' },
    teachers: [{ model: at('first') }, { model: at('second') }],
  });

  const exported = await promptkd(
    'export',
    at('both'),
    '--out',
    at('out'),
    '--adaptor',
    '2',
    '--teacher',
    at('second'),
    '--json',
  );
  expect([exported.code, existsSync(at('out/onnx/text_model.onnx'))]).toEqual([0, true]);
  const wrong = await promptkd('export', at('both'), '--out', at('no'), '--adaptor', '2', '--teacher', at('first'));
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('was taught by another model')]);
});

it('refuses teachers that nobody or two name', () => {
  const named = recipe({ teachers: [{ model: 'a' }, { model: 'b' }] });
  expect(() => withTeacherModels(recipe(), [])).toThrow('--teacher: expected the folder or hub id of a teacher');
  expect(() => withTeacherModels(recipe({ teachers: [{ model: 'a' }, {}] }), [])).toThrow(
    'teachers.1.model: expected a folder',
  );
  expect(() => withTeacherModels(named, ['c'])).toThrow('--teacher: the recipe names its teachers');
  expect(() => withTeacherModels(recipe({ teachers: [{}, {}] }), ['c'])).toThrow(
    '--teacher: the recipe has 2 teachers, got 1',
  );
  expect(withTeacherModels(named, [])).toBe(named);
  expect(withTeacherModels(recipe(), ['c']).teachers).toEqual([]);
});
