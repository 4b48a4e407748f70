import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initClip } from '../../clip/towers/initialise.js';
import { compileOptions, config, dataset, recipe, teacher } from '../../test/colours.fixture.js';
import { distill } from '../distill.js';
import type { DistillOptions } from '../prepare.js';
import { type Teacher, teacherOf } from '../teacher/teacher.js';
import { checkTeachers } from './check-teachers.js';
import { storeFolder } from './store-folder.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'promptkd-bad-teachers-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const other = { ...teacher, params: initClip(config, 9) };
const both = [teacherOf(teacher), teacherOf(other)];
/** A teacher of which embeddings alone are known. */
const embeddings: Teacher = { ...both[1]!, inner: false };
const check =
  (more: object, teachers: readonly Teacher[] = both) =>
  () =>
    checkTeachers(recipe(more), teachers, dataset);

it.each<[string, object, string]>([
  [
    'a weight below 0',
    { teachers: [{ weight: 1.2 }, { weight: -0.2 }] },
    'teachers.1.weight: expected a weight of 0 or more, got -0.2',
  ],
  [
    'weights that do not sum to 1',
    { teachers: [{ weight: 0.5 }, { weight: 0.6 }] },
    'expected weights that sum to 1, got 0.5 + 0.6 = 1.1',
  ],
  ['a weight that is missing', { teachers: [{ weight: 1 }, {}] }, 'teachers.1.weight: fusion.rule is fixed'],
  [
    'weights beside another rule',
    { teachers: [{ weight: 1 }, { weight: 0 }], fusion: { rule: 'equal' } },
    'weights count under fusion.rule fixed alone',
  ],
  [
    'no class in common',
    { teachers: [{ classes: ['red'] }, { classes: ['blue'] }] },
    'their classes have none in common',
  ],
  [
    'a class that the data does not have',
    { teachers: [{ classes: ['pink'] }, {}] },
    'teachers.0.classes: colours has no class "pink" to train on',
  ],
  ['a class kept out of training', { teachers: [{ classes: ['gold'] }, {}] }, 'no class "gold" to train on'],
  ['more sections than teachers', { teachers: [{}, {}, {}] }, 'the recipe has 3, and 2 are given'],
  ['a floor that leaves nothing', { fusion: { floor: 0.6 } }, 'fusion.floor: expected at most 0.5 for 2 teachers'],
  [
    'a loss of the first alone',
    { teachers: [{}, { losses: ['affinity'] }] },
    'teachers.1.losses: affinity is of the first teacher alone',
  ],
  [
    'nobody that answers',
    { teachers: [{ losses: ['feature'] }, { losses: ['feature'] }] },
    'expected response among the losses',
  ],
  [
    'a base that is no mixture',
    { fusion: { rule: 'adaptive', adaptive: { base: [1, 1, 1] } } },
    'three shares that sum to 1, got 1, 1, 1',
  ],
])('refuses %s', (_, more, message) => {
  expect(check(more)).toThrow(message);
});

it('refuses attention asked of a teacher of which embeddings alone are known', () => {
  const asked = { teachers: [{}, { model: 'pair/onnx', losses: ['response', 'attention'] }] };
  expect(check(asked, [both[0]!, embeddings])).toThrow(
    'attention is asked of pair/onnx, of which embeddings alone are known',
  );
  expect(check({}, [both[0]!, embeddings])).not.toThrow();
});

it('refuses the same teacher twice, three teachers of the adaptive rule, and rules of one', () => {
  expect(check({ teachers: [{ model: 'a' }, { model: 'b' }] }, [both[0]!, both[0]!])).toThrow(
    'a and b are the same model',
  );
  const third = teacherOf({ ...teacher, params: initClip(config, 5) });
  expect(check({ fusion: { rule: 'adaptive' } }, [...both, third])).toThrow('adaptive is of two teachers');
  expect(check({ fusion: { rule: 'equal' } }, [both[0]!])).toThrow(
    'fusion.rule: it is for several teachers, and there is one',
  );
  expect(check({ teachers: [{ weight: 1 }] }, [both[0]!])).toThrow('teachers.0.weight: it is for several teachers');
});

const options = (name: string, more: object, targetsDir: string): DistillOptions => ({
  ...{ teacher, others: [other], dataset, runDir: join(root, name), targetsDir, engine: compileOptions },
  recipe: recipe({ method: 'kd', kd: { steps: 1 }, views: 1, ...more }),
});

it('refuses a store of another teacher under this one’s name, and leaves it', async () => {
  const targetsDir = join(root, 'targets');
  await distill(options('first', { fusion: { rule: 'equal' } }, targetsDir));
  const stranger = { ...teacher, params: initClip(config, 31) };
  const wrong = storeFolder(targetsDir, teacherOf(stranger));
  const [right] = readdirSync(targetsDir).filter((name) => name === storeFolder('', both[1]!));
  cpSync(join(targetsDir, right!), wrong, { recursive: true });
  const third = { ...options('second', { fusion: { rule: 'equal' } }, targetsDir), others: [stranger] };
  await expect(distill(third)).rejects.toThrow('these teacher targets were made from something else (teacher was');
  expect(readdirSync(wrong)).toEqual(readdirSync(join(targetsDir, right!)));
  renameSync(wrong, `${wrong}-kept`);
  expect((await distill(third)).finished).toBe(true);
});

it('refuses a rule that needs labels where none are held out', async () => {
  const run = distill(options('labels', { fusion: { rule: 'learned' } }, join(root, 'labels-targets')));
  await expect(run).rejects.toThrow('learned is fitted on labelled images, and colours has none in val');
});
