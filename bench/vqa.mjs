// Questions about emoji-vqa, every seed printed: the student's head distilled from the teacher's, the same head without
// distillation, a blind one, and the teacher's head, beside zero-shot answers and the prior, by skill, on test scenes and on
// pairs of colour and thing that no training scene shows; and the milliseconds of a question on one thread.
//
//   npm run build && node bench/vqa.mjs [--steps 1500] [--seeds 3] [--only teacher,distilled,plain,blind] [--json]
//
// A run that was stopped goes on from runs/vqa.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { loadTowerModel } from '../dist/model/index.js';
import { evaluateVqa, loadVqaHead, openVqa, trainVqa, VqaAsker, vqaRecipe } from '../dist/tasks/index.js';
import { readOptions, someOf } from './options.mjs';

const model = (name) => fileURLToPath(new URL(`../models/${name}`, import.meta.url));
const values = readOptions({
  ...{ teacher: model('emoji-teacher'), student: model('emoji-student'), out: 'runs/vqa', steps: '1500', seeds: '3' },
  only: 'teacher,distilled,plain,blind',
});
const names = someOf('only', values.only, ['teacher', 'distilled', 'plain', 'blind']);
const data = await openVqa('emoji-vqa');
const teacher = await loadTowerModel(values.teacher, 'vqa');
const student = await loadTowerModel(values.student, 'vqa');
const engine = { threads: 1 };

const say = (row) => {
  if (values.json) console.log(JSON.stringify(row));
  else console.log(`${row.name} ${row.seed ?? ''} ${row.split}: ${row.overall} %`, JSON.stringify(row.byQuestionType));
};

async function measure(name, seed, own, runDir) {
  const head = loadVqaHead(runDir);
  for (const split of ['test', 'pairs']) {
    const found = await evaluateVqa(own, data, { head, split, ...engine });
    const { overall, byQuestionType, byAnswerType } = found.head;
    say({ name, seed, split, questions: found.questions, overall, byQuestionType, byAnswerType });
  }
}

const heads = new Map();
for (let seed = 0; seed < Number(values.seeds); seed++) {
  for (const name of names) {
    const runDir = join(values.out, `${name}-${seed}`);
    const own = name === 'teacher' ? teacher : student;
    const recipe = vqaRecipe.parse({ steps: Number(values.steps), seed, blind: name === 'blind' });
    const teacherRun = join(values.out, `teacher-${seed}`);
    const taught = name === 'distilled' ? { teacher: { model: teacher, head: loadVqaHead(teacherRun) } } : {};
    await trainVqa({ model: own, data, recipe, runDir, engine, ...taught });
    await measure(name, seed, own, runDir);
    heads.set(name, runDir);
  }
}
for (const split of ['test', 'pairs']) {
  const { prior, zeroShot } = await evaluateVqa(student, data, { zeroShot: true, split, ...engine });
  say({ name: 'prior', split, ...prior });
  say({ name: 'zero-shot', split, ...zeroShot });
}

// A new question about an image that is known, and one about a new image.
const asked = heads.get('distilled') ?? heads.get('plain');
if (asked) {
  const asker = await VqaAsker.open(student, loadVqaHead(asked), engine);
  const image = await sharp({ create: { width: 128, height: 128, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  await asker.ask(image, { question: 'how many things?' });
  const times = [];
  for (let i = 0; i < 100; i++) {
    const start = performance.now();
    await asker.ask(image, { question: `how many things? ${i}` });
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  say({ name: 'milliseconds a question', split: 'one thread', overall: times[50], byQuestionType: { p95: times[95] } });
  await asker.close();
}
