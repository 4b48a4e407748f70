import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { loadWeights } from '../../clip/checkpoint/checkpoint.js';
import { eosPositions } from '../../clip/towers/eos.js';
import { cvpr2024Task } from '../../cvpr2024/cvpr2024-task.js';
import { readJson } from '../../files/index.js';
import { teacherImages, teacherTextFeatures } from '../../model/prompted-teacher.js';
import type { Params } from '../../nn/index.js';
import { compile } from '../../runtime/program.js';
import type { HostTensor } from '../../tensor/index.js';
import { sgd } from '../../train/sgd.js';
import { openSteps } from '../training.fixture.js';
import { eachTensor, parity } from './golden.fixture.js';

const goldenRecipe = z.object({
  kd_weight: z.number(),
  temperature: z.number(),
  optimizer: z.literal('sgd'),
  lr: z.number(),
  momentum: z.number(),
  weight_decay: z.number(),
  dampening: z.literal(0),
  nesterov: z.literal(false),
  steps: z.int().positive(),
});

const isInput = (name: string) => /^(init|teacher)\.|^class_input_ids$|\.pixel_values$/.test(name);

parity('promptkd', (dir, golden) => {
  let results: Params = {};
  beforeAll(async () => {
    results = await replay(dir, golden);
  });
  eachTensor(golden, isInput, () => results);
  it('has every tensor', () => expect(Object.keys(golden)).toEqual(expect.arrayContaining(Object.keys(results))));
});

/** Runs the recipe's training steps; results by the golden tensors' names. */
async function replay(dir: string, golden: Params): Promise<Params> {
  const recipe = goldenRecipe.parse(await readJson(join(dir, 'recipe.json')));
  const weights = await loadWeights(join(dir, 'teacher'));
  const { config, params } = await loadWeights(join(dir, 'student'));
  const teacher = {
    ...weights,
    prompts: {
      ...prompts(golden, 'teacher.vision_prompts', 'vision', weights.config.vision_config.num_hidden_layers),
      ...prompts(golden, 'teacher.text_prompts', 'text', weights.config.text_config.num_hidden_layers),
    },
  };
  const ids = golden.class_input_ids!;
  const ends = eosPositions(ids.data as Int32Array, ids.shape[1]!, weights.config);
  const texts = await teacherTextFeatures(teacher, { ids, ends: { shape: [ends.length], data: ends } });

  const [batch, , size] = golden['step0.pixel_values']!.shape as [number, number, number];
  const images = await teacherImages(teacher, batch);
  const student = {
    config,
    params,
    prompts: prompts(golden, 'init.student.vision_prompts', 'vision', config.vision_config.num_hidden_layers),
    projector: renamed(golden, 'init.projector.', ''),
  };
  const batches = {
    batch,
    size,
    at: async (step: number) => {
      const pixels = golden[`step${step}.pixel_values`]!;
      return { pixels, teacher: await images.features(pixels) };
    },
  };
  const task = cvpr2024Task(student, { texts, logitScale: weights.params.logit_scale! }, batches, {
    temperature: recipe.temperature,
    kdWeight: recipe.kd_weight,
  });
  const { carried = {} } = task;
  const steps = await openSteps(task);
  const logits = await compile({ outputs: { ...task.logits } }, { fixed: task.frozen });
  const optimizer = sgd(task.params, { momentum: recipe.momentum, weightDecay: recipe.weight_decay });

  const results: Params = { teacher_text_features: texts };
  // Prompts of layers that the tower does not have stay as they are.
  for (const [name, tensor] of Object.entries(golden)) {
    if (!name.startsWith('init.student.') || promptLayer(name) < config.vision_config.num_hidden_layers) continue;
    results[name.replace('init', 'final')] = tensor;
    const gradient = name.replace('init', 'step0.grad');
    if (golden[gradient]) results[gradient] = { ...tensor, data: tensor.data.map(() => 0) };
  }
  for (let step = 0; step < recipe.steps; step++) {
    const { teacher: given, student: own } = await logits.run({ ...task.params, ...(await task.feeds(step)) });
    results[`step${step}.teacher_logits`] = copy(given!);
    results[`step${step}.student_logits`] = copy(own!);
    const { losses, gradients } = await steps.step(step);
    results[`step${step}.loss`] = { shape: [], data: Float32Array.of(losses.total!) };
    if (step === 0) {
      for (const [name, { shape }] of Object.entries(task.params))
        results[`step0.grad.${goldenName(name)}`] = copy({ shape, data: gradients[name]! });
    }
    optimizer.update(gradients, recipe.lr, step);
  }
  const running = Object.entries(carried).map(([name, { array }]) => [name, array] as const);
  for (const [name, tensor] of [...Object.entries(task.params), ...running])
    results[`final.${goldenName(name)}`] = tensor;
  for (const each of [steps, logits, images]) await each.dispose();
  return results;
}

/** The prompts of a tower's own layers by our names: a golden file may have more, which are never used. */
function prompts(golden: Params, prefix: string, tower: string, layers: number): Params {
  const all = Object.entries(renamed(golden, `${prefix}.`, `${tower}.`));
  return Object.fromEntries(all.filter(([name]) => promptLayer(name) < layers));
}

/** Copies of the tensors whose names start with `prefix`. */
function renamed(golden: Params, prefix: string, to: string): Params {
  const entries = Object.entries(golden).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(entries.map(([name, tensor]) => [to + name.slice(prefix.length), copy(tensor)]));
}

const promptLayer = (name: string) => Number(name.split('.').at(-1));

const goldenName = (name: string) =>
  name.replace('prompts/vision.', 'student.vision_prompts.').replace('projector/', 'projector.');

const copy = ({ shape, data }: HostTensor): HostTensor => ({ shape, data: data.slice() });
