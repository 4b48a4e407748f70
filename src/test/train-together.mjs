// A tiny run of a task by the processes that mpirun has started, or by one: node train-together.mjs TASK FOLDER [JSON]
// It needs dist/. The JSON may have: recipe (fields), ownRecipe (rank → fields), data (rank → fingerprint), die (rank and step
// at which a process is killed), stop (rank and step at which one is asked to stop), signal (name and step at which the launcher
// gets a signal), each (images a class), others (whether two further teachers teach), ranks (of tensor parallelism), times (whether each process tells where its time went).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const dist = new URL('../../dist/', import.meta.url);
const load = (path) => import(new URL(path, dist).href);
const [{ openGroup }, clip, { initClip }] = await Promise.all(
  ['group/index.js', 'clip/index.js', 'clip/towers/initialise.js'].map(load),
);
const { trainTokenizer, tokenizerFromJson, parseClipConfig, clipPreprocess } = clip;

const [, , task, folder, json = '{}'] = process.argv;
const options = JSON.parse(json);
const group = await openGroup();

const colours = {
  red: [230, 30, 30],
  green: [30, 200, 60],
  blue: [30, 60, 220],
  grey: [120, 120, 120],
  gold: [220, 180, 20],
};
const names = Object.keys(colours);
const examples = (labels) =>
  labels.flatMap((label) =>
    Array.from({ length: options.each ?? 6 }, (_, i) => ({
      id: `${names[label]}-${'x'.repeat(i)}`,
      label,
      captions: i === 2 && task !== 'pretrain' ? [] : [`${names[label]} stripes`, `a ${names[label]} thing`],
    })),
  );
const dataset = {
  name: 'colours',
  classes: names.map((name) => ({ name, novel: name === 'gold' })),
  splits: {
    train: examples([0, 1, 2, 3]),
    val: examples([0, 1, 2, 3]),
    test: examples([0, 1, 2, 3]),
    novel: examples([4]),
  },
  aside: { train: examples([4]) },
  load: async ({ id, label }) => {
    const data = new Uint8Array(16 * 16 * 3).map((_, i) =>
      i % 5 === id.length % 3 ? 255 : colours[names[label]][i % 3],
    );
    return { width: 16, height: 16, channels: 3, data };
  },
  fingerprint: options.data?.[group.rank] ?? 'colours',
  skipped: [],
};

const tokenizer = tokenizerFromJson(
  trainTokenizer(
    names.map((n) => `a drawing of ${n} stripes thing`),
    540,
  ),
);
const model = (seed, projection) => {
  const tower = { hidden_size: 24, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2 };
  const config = parseClipConfig({
    projection_dim: projection,
    text_config: {
      ...tower,
      vocab_size: tokenizer.vocabSize,
      // "a photo of a green." has 13 tokens here, and prompts are added: with fewer positions class names would be cut off.
      max_position_embeddings: 24,
      bos_token_id: tokenizer.startId,
      eos_token_id: tokenizer.endId,
    },
    vision_config: { ...tower, image_size: 16, patch_size: 4 },
  });
  return { config, params: initClip(config, seed), preprocess: clipPreprocess(16), tokenizer };
};
const teacher = model(4, 12);
const fields = { ...options.recipe, ...options.ownRecipe?.[group.rank] };
const controller = new AbortController();
const { interruptSignal } = await load('cli/terminal/interrupt.js');
const heard = options.signal ? interruptSignal(group.rank > 0) : controller.signal;
/** When each step was over; ms. */
const times = [];
const common = {
  dataset,
  runDir: folder,
  engine: { threads: 1, group, ranks: options.ranks },
  signal: heard,
  onProgress: ({ overall }) => {
    if (overall === undefined) return;
    times.push(performance.now());
    const { die, stop, signal } = options;
    if (die && group.rank === die.rank && overall === die.step) process.kill(process.pid, 'SIGKILL');
    if (signal && group.rank === 0 && overall === signal.step) process.kill(process.ppid, signal.name);
    if (stop && group.rank === stop.rank && overall === stop.step) controller.abort();
  },
};
const small = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 2 };
const tasks = {
  async distill() {
    const { distill, distillRecipe } = await load('distill/index.js');
    return distill({
      ...common,
      teacher,
      ...(options.others && { others: [model(6, 10), model(7, 8)] }),
      recipe: distillRecipe.parse({
        batch: 8,
        views: 2,
        student: {
          vision: { ...small, num_hidden_layers: 2, patch_size: 8 },
          text: { ...small, num_hidden_layers: 1 },
        },
        texts: { classes_per_step: 3 },
        prompts: { width: 8, heads: 2, intermediate_size: 16 },
        losses: { affinity: { enabled: true }, interactive: { enabled: true } },
        phases: {
          warmup: { steps: 10, lr: 1e-3, losses: ['feature', 'response'] },
          prompt: { steps: 10, lr: 1e-3 },
          joint: { steps: 30, lr: 1e-3 },
        },
        checkpoint_every: 5,
        ...fields,
      }),
    });
  },
  async pretrain() {
    const { pretrain, pretrainRecipe } = await load('pretrain/index.js');
    return pretrain({
      ...common,
      recipe: pretrainRecipe.parse({
        batch: 8,
        steps: 50,
        model: {
          projection_dim: 12,
          vision: { image_size: 16, patch_size: 8, ...small, num_hidden_layers: 1 },
          text: { vocab_size: 540, max_position_embeddings: 12, ...small, num_hidden_layers: 1 },
        },
        augment: { mix: { mixup: 0.4, cutmix: 1, probability: 1 } },
        optimizer: { lr: 1e-3 },
        evaluation: { every: 25, split: 'val', images: 8 },
        checkpoint_every: 5,
        ...fields,
      }),
    });
  },
  async 'tune-prompts'() {
    const { tunePrompts, tunePromptsRecipe } = await load('tune-prompts/index.js');
    return tunePrompts({
      ...common,
      model: teacher,
      recipe: tunePromptsRecipe.parse({
        batch: 8,
        steps: 20,
        prompts: { width: 8, heads: 2, intermediate_size: 16 },
        unlabelled: true,
        pseudo: { threshold: 0, per_class: 4 },
        checkpoint_every: 5,
        ...fields,
      }),
    });
  },
  async cvpr2024() {
    const { cvpr2024, cvpr2024Recipe } = await load('cvpr2024/index.js');
    return cvpr2024({
      ...common,
      teacher,
      student: model(5, 8),
      recipe: cvpr2024Recipe.parse({
        tuning: { shots: 4, batch: 8, epochs: 5 },
        distillation: { batch: 8, epochs: 13, targets: 'stored', views: 2 },
        ...fields,
      }),
    });
  },
  // Two tasks, one after the other: what is kept of the first one plays its part in the second.
  async continue() {
    const { continueBank, continueRecipe } = await load('continual/index.js');
    const learn = (name, classes) =>
      continueBank({
        ...common,
        student: { ...teacher, prompts: undefined },
        bank: join(folder, 'bank'),
        runDir: join(folder, name),
        recipe: continueRecipe.parse({
          ...{ task: name, data: { classes }, batch: 8, steps: 25, lr: 1e-3, warmup_steps: 0, checkpoint_every: 5 },
          ...{ prompts: { n_ctx: 2, depth: 2 }, routing: { centroids: 2, reject: 0 }, ewc: { samples: 4 } },
          ...{ replay: { per_class: 3, batch: 4 } },
          ...fields,
        }),
      });
    await learn('warm', ['red', 'green']);
    return learn('cold', ['blue', 'grey']);
  },
  async quantize() {
    const { quantizeModel } = await load('compress/quantize/index.js');
    const { tuned } = await quantizeModel({
      ...{
        model: teacher,
        dataset,
        out: join(folder, 'small'),
        scheme: 'int4',
        rounding: 'nearest',
        tune: 8,
        dtypes: [],
      },
      compile: common.engine,
      ...fields,
    });
    return { finished: true, steps: tuned.steps, tuned };
  },
};
const { finished, steps, imagesSeen, tuned } = await tasks[task]();
const told = JSON.stringify({
  finished,
  steps,
  imagesSeen,
  tuned,
  ...(options.times && { times, spent: group.spent }),
});
writeFileSync(join(folder, group.rank === 0 ? 'told.json' : `told-${group.rank}.json`), told);
group.close();
