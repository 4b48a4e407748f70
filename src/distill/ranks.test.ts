import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { halfToFloat } from '../files/index.js';
import type { CompileOptions } from '../runtime/program.js';
import { compileOptions, dataset, recipe, teacher } from '../test/colours.fixture.js';
import { built, expectSameStep, fourHeads } from '../test/ranks.fixture.js';
import { openSteps, type Step } from '../test/training.fixture.js';
import type { Prepared } from './prepare.js';

let gradients: typeof import('../train/step-gradients.js');
let dualStream: typeof import('./dual-stream.js');
let tasks: typeof import('./dual-stream-task.js');
let shards: typeof import('../model/ranks.js');
let prepared: typeof import('./prepare.js');
let teachers: typeof import('./teacher/teacher.js');
let runtime: typeof import('../runtime/index.js');

const small = { hidden_size: 12, intermediate_size: 24, num_attention_heads: 4 };
const smallRecipe = recipe({
  student: { vision: { ...small, num_hidden_layers: 2, patch_size: 8 }, text: { ...small, num_hidden_layers: 1 } },
});
let root = '';
let ready: Prepared;

/** A step of the joint phase: all losses, and the gradients of all parameters. */
async function step(ranks: number): Promise<Step> {
  const { full, batches, phases } = ready;
  const task = tasks.dualStreamTask(full, batches, phases.at(-1)!, { ...compileOptions, ranks });
  const steps = await openSteps(task, { compile: compileOptions }, gradients.StepGradientsProgram);
  try {
    await steps.step(1);
    return await steps.step(0); // the second run meets the other set of shared slots
  } finally {
    await steps.dispose();
  }
}

describe('on ranks', () => {
  let whole: Step;
  beforeAll(async () => {
    gradients = await built('train/step-gradients.js');
    dualStream = await built('distill/dual-stream.js');
    tasks = await built('distill/dual-stream-task.js');
    shards = await built('model/ranks.js');
    prepared = await built('distill/prepare.js');
    teachers = await built('distill/teacher/teacher.js');
    runtime = await built('runtime/index.js');
    root = await mkdtemp(join(tmpdir(), 'promptkd-ranks-'));
    const given = { teacher: fourHeads, dataset, recipe: smallRecipe, runDir: root };
    ready = await prepared.prepare({ ...given, engine: compileOptions });
    whole = await step(1);
  });
  afterAll(async () => {
    ready.batches.store.close();
    await rm(root, { recursive: true });
  });

  it.each([2, 4])('the dual-stream step has the losses and gradients of one rank on %i', async (ranks) => {
    const split = await step(ranks);
    expect(Object.keys(split.losses).sort()).toEqual(['attention', 'cross_modal', 'feature', 'response', 'total']);
    expect(Object.keys(whole.gradients)).toContain('heads/cross.query');
    expectSameStep(split, whole);
  });

  it.each([2, 4])('each of %i has its share of the columns of W_q and W_k', async (ranks) => {
    const { full, batches, phases } = ready;
    const p = dualStream.tracedParams(full, ranks);
    const { cross_modal } = dualStream.buildLosses(full, batches, { ...phases.at(-1)!, ranks }, p);
    const program = await runtime.compile(
      { outputs: { loss: cross_modal! }, shards: shards.taskShards },
      { ...compileOptions, ranks },
    );
    const { dim } = full.recipe.losses.cross_modal;
    const columns = program.inputs.filter(({ name }) => name.startsWith('heads/cross.'));
    expect(Object.fromEntries(columns.map(({ name, shape }) => [name, shape]))).toEqual({
      'heads/cross.query': [12, dim / ranks],
      'heads/cross.key': [12, dim / ranks],
    });
    await program.dispose();
  });

  it('columns that the ranks do not divide are refused', async () => {
    const { full, batches, phases } = ready;
    const odd = { ...full, heads: { ...full.heads, 'cross.query': { shape: [12, 7], data: new Float32Array(84) } } };
    expect(() => tasks.dualStreamTask(odd, batches, phases.at(-1)!, { ranks: 2 })).toThrow(
      '--tensor-parallel 2: expected a divisor of losses.cross_modal.dim, 7',
    );
  });

  it('the teacher answers on two ranks as on one', async () => {
    const pixels = { shape: [3, 3, 16, 16], data: Float32Array.from({ length: 3 * 768 }, (_, i) => Math.sin(i)) };
    const read = tokenizeAll(teacher.tokenizer, ['a red thing', 'blue stripes'], 12);
    const answers = async (compile: CompileOptions) => {
      const reader = teachers.teacherOf(fourHeads, { compile });
      const pass = await reader.images(3, { hidden: [2], attention: [1, 2] });
      const seen = Object.entries(await pass.run(pixels)).map(([name, { data }]) => [name, Array.from(data)] as const);
      await pass.dispose();
      const { embeds, words } = await reader.texts(read, true);
      return [...seen, ['text', Array.from(embeds)] as const, ['words', Array.from(halfToFloat(words!))] as const];
    };
    const [one, many] = [await answers(compileOptions), await answers({ ...compileOptions, ranks: 2 })];
    expect(one.map(([name]) => name)).toEqual(['embed', 'hidden.2', 'attention.1', 'attention.2', 'text', 'words']);
    for (const [i, [name, values]] of one.entries()) {
      expect(many[i]![1], name).toHaveLength(values.length);
      const far = Math.max(...values.map((x, k) => Math.abs(x - many[i]![1][k]!)));
      expect(far, name).toBeLessThan(name === 'words' ? 2e-3 : 1e-5); // words are stored in fp16
    }
  });

  it('a teacher whose heads the ranks do not divide, and several on WebGPU, are refused at once', () => {
    expect(() => teachers.teacherOf(teacher, { compile: { ranks: 2, device: 'webgpu' } })).toThrow(/is one device/);
    expect(() => teachers.teacherOf(teacher, { compile: { ranks: 4 } })).toThrow(
      "--tensor-parallel 4: expected a divisor of the teacher's vision_config.num_attention_heads, 2",
    );
  });
});
