import { expect, it } from 'vitest';
import { compile } from '../../runtime/program.js';
import type { HostTensor, Tensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import { affinityLoss } from './affinity-loss.js';
import { type ComparedLogits, comparedLogits } from './compared-logits.js';
import { interactiveLoss } from './interactive-loss.js';
import { responseLoss } from './response-loss.js';

const tensor = (shape: number[], ...data: number[]): HostTensor => ({ shape, data: Float32Array.from(data) });
const feeds = {
  image: tensor([3, 3], 0.9, -0.2, 0.4, 0.1, 0.8, -0.3, -0.5, 0.3, 0.7),
  text: tensor([3, 3], 0.7, 0.1, 0.2, 0.2, 0.9, 0.1, -0.4, 0.2, 0.9),
  scale: tensor([1], 1.2),
  bias: tensor([1], -1.5),
  'teacher/image': tensor([3, 4], 0.8, 0.1, 0.3, -0.2, 0.2, 0.7, -0.4, 0.1, -0.3, 0.5, 0.6, 0.4),
  'teacher/text': tensor([3, 4], 0.6, 0.3, 0.1, -0.1, 0.1, 0.8, -0.2, 0.3, -0.2, 0.1, 0.9, 0.2),
  'teacher/scale': tensor([1], 1.7),
  'teacher/bias': tensor([1], -2.5),
  images: tensor([3, 3], 0.8, 0.1, 0.3, 0.2, 0.7, -0.4, -0.3, 0.5, 0.6),
  // The third image's caption is the first's.
  texts: tensor([3, 3], 0.6, 0.3, 0.1, 0.1, 0.8, -0.2, 0.6, 0.3, 0.1),
};
type Fed = Readonly<Record<keyof typeof feeds, Tensor>>;
const learned = ['image', 'text', 'scale', 'bias'] as const;

/** A loss, and its gradients with respect to what the student has and to what the teacher has. */
async function differentiated(build: (p: Fed) => Tensor): Promise<Record<string, number[]>> {
  const p = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, t.input(name, shape)])) as Fed;
  const loss = build(p);
  const inputs = Object.entries(p);
  const gradients = t.grad(
    loss,
    inputs.map(([, x]) => x),
  );
  const outputs = Object.fromEntries(inputs.map(([name], i) => [`d ${name}`, gradients[i]!]));
  const program = await compile({ outputs: { loss, ...outputs } }, { threads: 1 });
  const out = await program.run(feeds);
  const plain = Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, Array.from(data)]));
  await program.dispose();
  return plain;
}

const logitsOf = (p: Fed, studentBias = true, teacherBias = true): ComparedLogits =>
  comparedLogits(
    { image: p.image, text: p.text, scale: p.scale, bias: studentBias ? p.bias : undefined },
    {
      ...{ image: p['teacher/image'], text: p['teacher/text'], scale: p['teacher/scale'] },
      bias: teacherBias ? p['teacher/bias'] : undefined,
    },
  );

/** By NumPy in fp64, from the formulas written with logarithms of σ; gradients are its central differences. */
const references = {
  response: {
    loss: 0.30031299425995966,
    image: [
      -0.01736128, 0.14038745, 0.1092566, -0.55412632, 0.11670063, 0.12649291, -0.03698468, -0.12163331, 0.02571093,
    ],
    text: [
      -0.00775556, -0.29427781, 0.17428335, 0.30353607, -0.07710275, 0.08685261, 0.0979662, 0.34086117, -0.03220639,
    ],
    scale: [-0.63978954],
    bias: [-0.09126217],
  },
  affinity: {
    loss: 0.14941328801655837,
    image: [
      -0.00823592, 0.08970009, 0.06338087, -0.40332663, 0.02370034, -0.07124131, -0.05074755, -0.12832704, 0.01874905,
    ],
    text: [
      0.00131291, -0.32830189, 0.15955577, 0.21756464, -0.04842117, 0.00066129, 0.05243845, 0.09394826, 0.00242859,
    ],
    scale: [-0.36219799],
    bias: [-0.13237615],
  },
  interactive: {
    loss: 2.2414029702512552,
    image: [
      -0.04129043, -0.11588981, 0.03495855, 0.54375302, 0.00426423, 0.19262228, -0.81501825, -0.44388052, -0.39192138,
    ],
    text: [0.2002513, -0.1941381, -0.60381049, 0.0292803, -0.04999419, 0.39138706, -0.4174859, -0.06658554, -0.1707525],
    scale: [0.25842311],
    bias: [-0.3280556],
  },
};

const builds: Readonly<Record<keyof typeof references, (p: Fed) => Tensor>> = {
  response: (p) => responseLoss(logitsOf(p), [], { temperature: 2, lambda: 0, bothWays: true }),
  affinity: (p) => affinityLoss(logitsOf(p)),
  interactive: (p) =>
    interactiveLoss(
      { image: p.image, text: p.text },
      { image: p.images, text: p.texts },
      { scale: p.scale, bias: p.bias },
    ),
};

it.each(['response', 'affinity', 'interactive'] as const)(
  '%s of a SigLIP is of decisions for each pair, with the gradients of a reference, and none into the teacher',
  async (name) => {
    const out = await differentiated(builds[name]);
    const { loss, ...gradients } = references[name];
    expect(out.loss![0]).toBeCloseTo(loss, 5);
    for (const input of learned)
      for (const [i, x] of gradients[input].entries()) expect(out[`d ${input}`]![i], `${input} ${i}`).toBeCloseTo(x, 5);
    for (const input of Object.keys(feeds).filter((each) => !learned.some((own) => own === each)))
      expect(out[`d ${input}`]!.every((x) => x === 0)).toBe(true);
  },
);

it.each([
  ['SigLIP', 'CLIP', true, false],
  ['CLIP', 'SigLIP', false, true],
])('of a %s student and a %s teacher softmaxes are compared, and no bias is in them', async (_, __, own, theirs) => {
  const both = (p: Fed) => responseLoss(logitsOf(p, own, theirs), [], { temperature: 2, lambda: 0, bothWays: true });
  const neither = (p: Fed) =>
    responseLoss(logitsOf(p, false, false), [], { temperature: 2, lambda: 0, bothWays: true });
  const out = await differentiated(both);
  expect(out).toEqual(await differentiated(neither));
  expect(out['d bias']![0]).toBeCloseTo(0, 12);
});

it('decisions that agree cost nothing, however sure they are', async () => {
  const shape = [2, 2];
  const z = t.input('z', shape);
  const loss = responseLoss({ student: z, teacher: z, answers: 'sigmoid' }, [], { temperature: 1, lambda: 0 });
  const program = await compile({ outputs: { loss, gradient: t.grad(loss, [z])[0]! } }, { threads: 1 });
  const out = await program.run({ z: tensor(shape, -90, 0, 40, 1000) });
  expect([...out.loss!.data, ...out.gradient!.data]).toEqual([0, 0, 0, 0, 0]);
  await program.dispose();
});
