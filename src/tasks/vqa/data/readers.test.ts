import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { questionsOf } from '../questions-of.js';
import { openVqa } from './open-vqa.js';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-vqa-data-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function write(name: string, content: unknown): Promise<string> {
  const file = join(root, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return dirname(file);
}

const ten = (answer: string, count = 10) =>
  Array.from({ length: count }, (_, i) => ({ answer, answer_confidence: 'yes', answer_id: i + 1 }));

describe('VQAv2', () => {
  const questions = (ids: number[], image = 9) => ({
    ...{ info: {}, task_type: 'Open-Ended', data_type: 'mscoco', data_subtype: 'train2014', license: {} },
    questions: ids.map((id) => ({ image_id: image, question: `what is ${id}?`, question_id: id })),
  });
  const annotations = (...given: [number, number][]) => ({
    annotations: given.map(([id, count]) => ({
      ...{ question_id: id, image_id: 9, question_type: 'what is', answer_type: 'other' },
      ...{ multiple_choice_answer: 'cat', answers: ten('cat', count) },
    })),
  });

  it('reads questions with their ten answers, and counts what does not fit together', async () => {
    const folder = await write('v2/v2_OpenEnded_mscoco_train2014_questions.json', questions([1, 2, 3, 4]));
    await write('v2/v2_mscoco_train2014_annotations.json', annotations([1, 10], [2, 9], [3, 11], [7, 10]));
    await write('v2/v2_OpenEnded_mscoco_test2015_questions.json', questions([8], 10));
    const { splits, skipped, images } = await openVqa(`vqav2:${folder}`);
    expect(splits.train).toEqual([
      {
        ...{ id: '1', image: '9', question: 'what is 1?', answers: Array(10).fill('cat') },
        ...{ type: 'what is', answerType: 'other' },
      },
    ]);
    expect(splits.test![0]!.answers).toEqual([]);
    expect(skipped.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([
      '2: expected 10 human answers, got 9',
      '3: expected 10 human answers, got 11',
      '7: an annotation without its question',
      '4: a question without its annotation',
    ]);
    const [example] = images.splits.train!;
    expect(images.source!(example!).file).toMatch(/v2\/train2014\/COCO_train2014_000000000009\.jpg$/);
  });

  it('refuses annotations without questions, questions none of which is annotated, and empty folders', async () => {
    const alone = await write('alone/v2_mscoco_val2014_annotations.json', annotations([1, 10]));
    await expect(openVqa(`vqav2:${alone}`)).rejects.toThrow(/annotations.json: expected its questions/);
    const apart = await write('apart/v2_OpenEnded_mscoco_val2014_questions.json', questions([1]));
    await write('apart/v2_mscoco_val2014_annotations.json', annotations([2, 10]));
    await expect(openVqa(`vqav2:${apart}`)).rejects.toThrow(
      /none of 1 is left; the first: an annotation without its question/,
    );
    const wrong = await write('wrong/v2_OpenEnded_mscoco_val2014_questions.json', { questions: [{ question: 3 }] });
    await expect(openVqa(`vqav2:${wrong}`)).rejects.toThrow(/questions\.0\.\w+: /);
    await expect(openVqa(`vqav2:${root}`)).rejects.toThrow(/v2_OpenEnded_mscoco_<set>_questions.json, found none/);
  });
});

it('takes splits by any name, and leaves out questions of megabytes', async () => {
  const rows = ['__proto__', 'constructor'].map((split) => `a.png,what?,cat,${split}`);
  const table = await write('names/questions.csv', ['image,question,answer,split', ...rows].join('\n'));
  const fromTable = await openVqa(`csv:${table}/questions.csv`);
  expect(Object.entries(fromTable.splits).map(([name, { length }]) => [name, length])).toEqual([
    ['__proto__', 1],
    ['constructor', 1],
  ]);
  expect(() => questionsOf(fromTable, 'toString')).toThrow('expected a split, one of __proto__, constructor');
  const long = 'x'.repeat(1e5);
  const v2 = await write('names/v2/v2_OpenEnded_mscoco___proto___questions.json', {
    questions: [long, 'what?'].map((question, i) => ({ image_id: 9, question, question_id: i })),
  });
  const fromV2 = await openVqa(`vqav2:${v2}`);
  expect(Object.entries(fromV2.splits)).toMatchObject([['__proto__', [{ id: '1' }]]]);
  const clevr = await write('names/clevr/CLEVR_constructor_questions.json', {
    questions: [long, 'what?'].map((question) => ({ question, answer: 1, image_filename: 'a.png' })),
  });
  const fromClevr = await openVqa(`clevr:${clevr}`);
  expect(Object.entries(fromClevr.splits)).toMatchObject([['constructor', [{ question: 'what?' }]]]);
  const gqa = await write('names/gqa/val_balanced_questions.json', {
    a: { imageId: 1, question: long },
    b: { imageId: 1, question: 'what?' },
  });
  const fromGqa = await openVqa(`gqa:${gqa}`);
  for (const { skipped } of [fromV2, fromClevr, fromGqa]) {
    expect(skipped.map(({ reason }) => reason)).toEqual(['expected a question of at most 1000 characters, got 100000']);
  }
});

it('reads CLEVR, each question by what its program ends with', async () => {
  const file = await write('clevr/questions/CLEVR_val_questions.json', {
    questions: [
      {
        question: 'How many?',
        answer: 3,
        image_filename: 'a.png',
        program: [{ function: 'scene' }, { function: 'count' }],
      },
      { question: 'Same?', answer: true, image_filename: 'a.png', program: [{ function: 'equal_color' }] },
      { question: 'Out?', answer: 'red', image_filename: '../../a.png', program: [{ function: 'query_color' }] },
    ],
  });
  const { splits, skipped } = await openVqa(`clevr:${dirname(file)}`);
  expect(splits.val!.map(({ answers, type, answerType }) => [answers, type, answerType])).toEqual([
    [['3'], 'count', 'number'],
    [['yes'], 'compare', 'yes/no'],
  ]);
  expect(skipped).toHaveLength(1);
});

it('reads GQA, the balanced questions before all', async () => {
  const folder = await write('gqa/val_balanced_questions.json', {
    '0512': { imageId: '23', question: 'Is it red?', answer: 'yes', types: { structural: 'verify' } },
  });
  await write('gqa/val_all_questions.json', {});
  const { splits, images } = await openVqa(`gqa:${folder}`);
  expect(splits.val).toEqual([
    { id: '0512', image: '23', question: 'Is it red?', answers: ['yes'], type: 'verify', answerType: 'yes/no' },
  ]);
  expect(images.source!(images.splits.val![0]!).file).toMatch(/images\/23\.jpg$/);
});

it('reads a table, one answer or ten, and counts the rows that it cannot use', async () => {
  await write(
    'table/questions.csv',
    [
      'image,question,answers,split',
      'a.png,what is it?,cat,train',
      `a.png,how many?,${Array(10).fill('2').join('|')},val`,
      ',what is it?,cat,train',
      'a.png,,cat,train',
      `a.png,${'x'.repeat(10_000)},cat,train`,
      'a.png,what?,cat|dog,train',
      '../a.png,what?,cat,train',
    ].join('\n'),
  );
  const { splits, skipped } = await openVqa(`csv:${join(root, 'table/questions.csv')}`);
  expect([splits.train!.length, splits.val![0]!.answers.length]).toEqual([1, 10]);
  expect(skipped.map(({ reason }) => reason.replace(root, ''))).toEqual([
    'a question without an image',
    'an empty question',
    'expected a question of at most 1000 characters, got 10000',
    'expected one answer or ten, got 2',
    expect.stringContaining('it leads out of'),
  ]);
  const bare = await write('bare/questions.csv', 'image,words\na.png,what?\n');
  await expect(openVqa(`csv:${bare}/questions.csv`)).rejects.toThrow(/columns image, question and answer/);
  await expect(openVqa('vqa2:x')).rejects.toThrow(/did you mean vqav2:DIR\?/);
});
