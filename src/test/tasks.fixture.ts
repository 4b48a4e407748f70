import { initClip } from '../clip/towers/initialise.js';
import { answerLoss, answerTask } from '../compress/quantize/answers.js';
import { straightThrough } from '../compress/quantize/straight-through.js';
import { cvpr2024Task } from '../cvpr2024/cvpr2024-task.js';
import { teacherPromptsTask } from '../cvpr2024/teacher-prompts-task.js';
import { labelledOf } from '../data/index.js';
import { dualStreamTask } from '../distill/dual-stream-task.js';
import { logitsKdTask } from '../distill/logits-kd.js';
import { type Prepared, prepare } from '../distill/prepare.js';
import { ViewBatches } from '../loader/view-batches.js';
import { Random } from '../math/random.js';
import { initTeacherPrompts, promptedTexts } from '../model/teacher-prompts.js';
import { initVisualStudent } from '../model/visual-student.js';
import { modelWeights } from '../model/weights.js';
import { copyParams } from '../nn/index.js';
import { contrastiveTask } from '../pretrain/contrastive-task.js';
import { batch, batches, config as tiny } from '../pretrain/tiny-contrastive.fixture.js';
import { initPromptEncoder } from '../prompt/index.js';
import { promptConfig } from '../prompt/prompts-recipe.js';
import { elements, type HostTensor } from '../tensor/index.js';
import type { Task } from '../train/task.js';
import { tunePromptsRecipe } from '../tune-prompts/tune-prompts-recipe.js';
import { tunePromptsTask } from '../tune-prompts/tune-prompts-task.js';
import { compileOptions, config, dataset, recipe, teacher, tokenizer } from './colours.fixture.js';

const width = config.projection_dim;
const draw = (key: string | number, ...shape: number[]) => {
  const random = new Random('tasks', key, ...shape);
  return { shape, data: Float32Array.from({ length: elements(shape) }, () => random.normal()) };
};
const classes = promptedTexts(['red', 'green', 'blue', 'grey'], { n_ctx: 2, depth: 2 }, tokenizer, 12);
const views = () =>
  new ViewBatches(dataset, labelledOf(dataset, 'train'), {
    ...{ seed: 1, batch: 4, augment: recipe().augment, preprocess: teacher.preprocess },
  });
const tuned = tunePromptsRecipe.parse({ batch: 4, prompts: { width: 8, heads: 2, intermediate_size: 16 } });

/** A distillation of the colours, ready to be stepped; its store is to be closed. */
export const readyDistillation = (runDir: string): Promise<Prepared> =>
  prepare({ teacher, dataset, recipe: recipe(), runDir, engine: compileOptions });

/** A fresh task of each kind that the project trains; `ready` is shared by those that distil. */
export const taskKinds: Readonly<Record<string, (ready: Prepared) => Task>> = {
  'dual-stream distillation': ({ full, batches, phases }) => {
    const { student, heads, prompt } = full;
    const own = { student: copyParams(student), heads: copyParams(heads) };
    const encoder = prompt && { ...prompt, params: copyParams(prompt.params) };
    return dualStreamTask({ ...full, ...own, prompt: encoder }, batches, phases.at(-1)!);
  },
  'distillation by logits': ({ full, batches }) =>
    logitsKdTask(copyParams(full.student), full.config, full.teacher, batches, recipe()),
  'contrastive learning': () =>
    contrastiveTask(tiny, initClip(tiny, 1), batches, { batch, context: 10, smoothing: 0.1 }),
  'tuning of a prompt encoder': () => {
    const shape = promptConfig(tuned, config, 10);
    const prompt = { params: initPromptEncoder(shape, 1), config: shape };
    const told = { ...classes, classes: 4, frozen: draw('frozen', 4, width) };
    const both = { weak: views(), strong: views(), classWeights: new Float32Array(4).fill(1) };
    return tunePromptsTask(teacher, prompt, told, both, tuned);
  },
  'tuning of a teacher’s prompts': () => {
    const prompted = { ...teacher, prompts: initTeacherPrompts(teacher, { n_ctx: 2, depth: 2 }, 1) };
    const plan = { epochs: 2, stepsPerEpoch: 2, classesPerStep: 3, seed: 1, average: { mean: 1, deviation: 1 } };
    const weights = { text: 25, image: 10, logits: 1 };
    const told = { ...classes, labels: [0, 1, 2, 3], frozen: draw('frozen', 4, width) };
    return teacherPromptsTask(prompted, told, views(), { ...plan, weights });
  },
  'distillation into visual prompts': () => {
    const params = initClip(config, 9);
    // Small random weights make nearly the same of all images, and the batch norm would divide by how little they differ.
    for (const [name, { data }] of Object.entries(params))
      if (/(v|out)_proj.weight/.test(name)) for (let i = 0; i < data.length; i++) data[i]! *= 8;
    const visual = initVisualStudent({ config, params }, width, { n_ctx: 2, depth: 2, seed: 3 });
    const seen = async (n: number) => ({ pixels: draw(n, 4, 3, 16, 16), teacher: draw(n, 4, width) });
    const told = { texts: draw('texts', 5, width), logitScale: teacher.params.logit_scale! };
    return cvpr2024Task(visual, told, { batch: 4, size: 16, at: seen }, { temperature: 1, kdWeight: 10 });
  },
  'tuning of a quantised student': () => answers(),
  'fine-tuning of a quantised student': () => {
    const task = answers();
    const latent = Object.entries(task.params).filter(([name]) => /fc1.weight/.test(name));
    const round = (_: string, { shape, data }: HostTensor) => ({
      shape,
      data: Float32Array.from(data, (x) => Math.round(x * 64) / 64),
    });
    return straightThrough(task, copyParams(Object.fromEntries(latent)), round);
  },
};

function answers(): Task {
  const student = teacher;
  const shape = { images: 4, texts: 3, length: 12, width };
  const loss = answerLoss(student, {
    ...shape,
    target: { logit_scale: draw('scale') },
    temperature: 1,
    bothWays: true,
  });
  const random = new Random('answers');
  const ids = Int32Array.from({ length: 36 }, () => random.int(500));
  return answerTask(student.config, loss, {
    learned: copyParams(modelWeights(student)),
    frozen: {},
    images: 4,
    feeds: (n) => ({
      pixels: draw(n, 4, 3, 16, 16),
      ids: { shape: [3, 12], data: ids },
      ends: { shape: [3], data: Int32Array.of(5, 9, 11) },
      'target/image': draw(n, 4, width),
      'target/text': draw('text', 3, width),
    }),
  });
}
