import { describe, expect, it } from 'vitest';
import { Random } from '../../math/random.js';
import { findTemplates, slotChoices } from '../../prompt/templates/index.js';
import { beamSearch, chooseHeldOut } from './beam.js';
import { type Candidate, coordinateSearch, evolve, type Judge, textOf } from './candidates.js';
import { pairedGain } from './gain.js';
import { ensembleCosines, ensembleQuality, type Labelled, qualityOf, type TemplateScores, uniform } from './scores.js';
import { templateText, tokenSearch, wordTemplate } from './tokens.js';
import { combinedScores, confidence, information, standOut, UnlabelledJudge } from './unlabelled-scores.js';
import { fitWeights, likelihoodGradient } from './weights.js';

const unit = (vector: number[]) => vector.map((x) => x / Math.hypot(...vector));
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, k) => sum + x * b[k]!, 0);

/** Score matrices of features. @param texts [templates][classes] */
function scoresOf(images: number[][], texts: number[][][]): TemplateScores {
  const classes = texts[0]!.length;
  return {
    images: images.length,
    classes,
    cosines: texts.map((own) => Float32Array.from(images.flatMap((image) => own.map((text) => dot(image, text))))),
    overlaps: Array.from({ length: classes }, (_, c) =>
      Float32Array.from(texts.flatMap((s) => texts.map((t) => dot(s[c]!, t[c]!)))),
    ),
  };
}

/** Images near their class's axis; template t knows the classes in `knows[t]` and mixes the others up. */
function toy(knows: number[][], images = 60, seed = 0, noise = 0.2): Labelled {
  const random = new Random(seed);
  const classes = 4;
  const axis = (c: number) => Array.from({ length: classes }, (_, k) => (k === c ? 1 : 0));
  const labels = Array.from({ length: images }, (_, n) => n % classes);
  const features = labels.map((label) => unit(axis(label).map((x) => x + noise * random.normal())));
  const texts = knows.map((known) =>
    Array.from({ length: classes }, (_, c) =>
      unit(known.includes(c) ? axis(c) : Array.from({ length: classes }, () => random.normal() * 0.3 + 0.5)),
    ),
  );
  return { scores: scoresOf(features, texts), labels, scale: 20 };
}

describe('ensembles', () => {
  it('score as the mean of their unit features at unit length', () => {
    const random = new Random(1);
    const vectors = (n: number) =>
      Array.from({ length: n }, () => unit(Array.from({ length: 5 }, () => random.normal())));
    const images = vectors(7);
    const texts = [vectors(3), vectors(3), vectors(3)];
    const weights = [0.2, 0.5, 0.3];
    const mean = [0, 1, 2].map((c) =>
      unit(Array.from({ length: 5 }, (_, k) => texts.reduce((sum, own, t) => sum + weights[t]! * own[c]![k]!, 0))),
    );
    const found = ensembleCosines(scoresOf(images, texts), { members: [0, 1, 2], weights });
    const expected = images.flatMap((image) => mean.map((text) => dot(image, text)));
    for (const [k, value] of expected.entries()) expect(found[k]).toBeCloseTo(value, 5);
  });

  it('have an accuracy and a likelihood', () => {
    const { top1, logLikelihood } = qualityOf(Float32Array.from([0.5, 0, 0, 0.5, 0.1, 0.2]), [0, 1, 0], 2, 2);
    expect(top1).toBeCloseTo(2 / 3);
    const logP = [1, 1, -0.2].map((margin) => -Math.log(1 + Math.exp(-margin)));
    expect(logLikelihood).toBeCloseTo((logP[0]! + logP[1]! + logP[2]!) / 3, 5);
  });
});

describe('beam search', () => {
  it('finds templates that complete each other, and not the ones that know nothing', async () => {
    const task = toy([[], [0, 1], [], [2, 3], [0, 1], []]);
    const path = await beamSearch(task, { size: 3, width: 1 });
    expect(path.map(({ members }) => members.length)).toEqual([1, 2, 3]);
    const pair = [...path[1]!.members].sort();
    expect([
      [1, 3],
      [3, 4],
    ]).toContainEqual(pair);
    expect(path[1]!.quality.logLikelihood).toBeGreaterThan(path[0]!.quality.logLikelihood);
    expect(path[1]!.quality).toEqual(
      expect.objectContaining({ top1: ensembleQuality(task, uniform(path[1]!.members)).top1 }),
    );
  });

  it('with a beam, gets past a first choice that leads nowhere', async () => {
    // Alone, the third is best; the first two together are better than with it.
    const axis = (...x: number[]) => unit(x);
    const images = [axis(1, 0, 0), axis(0.9, 0.5, 0), axis(0, 0, 1), axis(0, 0.5, 0.9)];
    const labels = [0, 0, 1, 1];
    const texts = [
      [axis(1, -2, 0), axis(0, 2.4, 1)],
      [axis(1, 2.4, 0), axis(0, -2, 1)],
      [axis(1, 0.2, 0.6), axis(0.5, 0.2, 1)],
    ];
    const task = { scores: scoresOf(images, texts), labels, scale: 10 };
    const [greedy, wide] = [
      await beamSearch(task, { size: 2, width: 1 }),
      await beamSearch(task, { size: 2, width: 3 }),
    ];
    expect(greedy[0]!.members).toEqual([2]);
    expect([...wide[1]!.members].sort()).toEqual([0, 1]);
    expect(wide[1]!.quality.logLikelihood).toBeGreaterThan(greedy[1]!.quality.logLikelihood);
  });

  it('lets other images choose the size', async () => {
    const knows = [[0, 1], [2, 3], [], []];
    const path = await beamSearch(toy(knows, 40, 1), { size: 4, width: 2 });
    const chosen = chooseHeldOut(path, { ...toy(knows, 80, 1) });
    expect([...chosen.members].sort()).toEqual([0, 1]);
  });
});

describe('weights', () => {
  it('follow the gradient of the likelihood', () => {
    const task = toy([[0, 1], [2], [3], []], 24, 3);
    const at = { members: [0, 1, 3], weights: [0.5, 0.3, 0.2] };
    const slope = likelihoodGradient(task, at);
    for (const [i, g] of slope.entries()) {
      const moved = (h: number) => ({ ...at, weights: at.weights.map((w, j) => (i === j ? w + h : w)) });
      const difference =
        (ensembleQuality(task, moved(1e-2)).logLikelihood - ensembleQuality(task, moved(-1e-2)).logLikelihood) / 2e-2;
      expect(g).toBeCloseTo(difference, 1);
    }
  });

  it('leave what misleads', () => {
    const task = toy([[0, 1, 2, 3], [], []], 60, 2);
    const { weights } = fitWeights(task, [0, 1, 2]);
    expect(weights[0]).toBeGreaterThan(0.8);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1);
    expect(ensembleQuality(task, { members: [0, 1, 2], weights }).logLikelihood).toBeGreaterThan(
      ensembleQuality(task, uniform([0, 1, 2])).logLikelihood,
    );
  });
});

describe('without labels', () => {
  it('takes away what a template says of every image', () => {
    // Both are sure of class 0 by the same margin; the second says so of every image.
    const telling = Float32Array.from([0.9, 0.1, 0.1, 0.9]);
    const biased = Float32Array.from([0.9, 0.1, 0.9, 0.1]);
    expect(confidence(telling, 2, 1)).toBeCloseTo(0.4);
    expect(confidence(biased, 2, 1)).toBeCloseTo(0);
    // With a reference that has no bias, half of this one's own remains.
    expect(confidence(biased, 2, 1, Float64Array.from([0, 0]))).toBeCloseTo(0.45);
    expect(information(telling, 2, 50)).toBeCloseTo(Math.log(2), 5);
    expect(information(biased, 2, 50)).toBeCloseTo(0, 5);
  });

  it('finds the templates that know something', () => {
    const knowing = [2, 5, 9];
    const knows = Array.from({ length: 12 }, (_, t) => (knowing.includes(t) ? [0, 1, 2, 3] : []));
    const { scores, scale } = toy(knows, 60, 4, 0.1);
    const judge = new UnlabelledJudge(scores.classes, scale);
    for (const own of scores.cosines) judge.add(own);
    const combined = combinedScores(judge.scores());
    const { members, weights } = standOut(combined, 3);
    expect([...members].sort((a, b) => a - b)).toEqual(knowing);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1);
    expect(standOut([0, 0, 0], 2)).toEqual({ members: [0], weights: [1] });
  });
});

describe('slots', () => {
  const library = findTemplates({ domains: ['drawings'] });
  const template = library.find(({ slots }) => slots.length === 2)!;
  const wanted = Object.fromEntries(template.slots.map((slot) => [slot, slotChoices(template)[slot]!.at(-1)!]));
  const first: Candidate = {
    template,
    slots: Object.fromEntries(template.slots.map((slot) => [slot, slotChoices(template)[slot]![0]!])),
  };
  let judged = 0;
  /** Likes the wanted template, and each wanted value. */
  const judge: Judge = async (candidates) =>
    candidates.map((candidate) => {
      judged++;
      const values = Object.entries(wanted).filter(([slot, value]) => candidate.slots[slot as 'ADJ'] === value).length;
      return { top1: (values + (candidate.template === template ? 2 : 0)) / 10, logLikelihood: 0 };
    });

  it('are filled one by one', async () => {
    const best = await coordinateSearch({ candidate: first, quality: (await judge([first]))[0]! }, judge);
    expect(best.candidate.slots).toEqual(wanted);
    expect(textOf(best.candidate)).not.toMatch(/\[(?:ADJ|COLOUR|SCENE|STYLE)\]/);
  });

  it('evolve, and never get worse', async () => {
    judged = 0;
    const others = library.slice(0, 8).map((other) => ({
      template: other,
      slots: Object.fromEntries(other.slots.map((slot) => [slot, slotChoices(other)[slot]![0]!])),
    }));
    const start = [first, ...others];
    const scored = (await judge(start)).map((quality, i) => ({ candidate: start[i]!, quality }));
    const run = () => evolve(scored, judge, new Random(5), { generations: 8, population: 12, library });
    const last = await run();
    expect(last[0]!.quality.top1).toBe(0.4);
    expect(last.length).toBeLessThanOrEqual(12);
    expect(new Set(last.map(({ candidate }) => textOf(candidate))).size).toBe(last.length);
    expect(judged).toBeLessThan(9 + 8 * 12 + 1);
    expect(await run()).toEqual(last);
  });
});

describe('gain', () => {
  const outcomes = (n: number, wrong: (i: number) => boolean) => Array.from({ length: n }, (_, i) => !wrong(i));

  it('is paired: the same images are compared', () => {
    const [ours, theirs] = [outcomes(200, (i) => i % 4 === 0), outcomes(200, (i) => i % 2 === 0)];
    const { value, low, high } = pairedGain(ours, theirs, 0);
    expect(value).toBeCloseTo(0.25);
    // d is 1 on a quarter of the images and 0 elsewhere: deviation √(¼ · ¾ / 200).
    expect(low).toBeCloseTo(0.25 - 1.96 * Math.sqrt(0.1875 / 200), 1);
    expect(high).toBeCloseTo(0.25 + 1.96 * Math.sqrt(0.1875 / 200), 1);
    expect(pairedGain(ours, ours, 0)).toEqual({ value: 0, low: 0, high: 0 });
    expect(() => pairedGain(ours, theirs.slice(1), 0)).toThrow(RangeError);
  });
});

describe('token search', () => {
  it.each([
    ['a photo of [OBJ].', 'a photo of a {}.', ['a', 'photo', 'of', 'a'], ['.']],
    ['{}', '{}', [], []],
    ['[NAME], drawn in ink', '{}, drawn in ink', [], [',', 'drawn', 'in', 'ink']],
    [
      'Here [is|are] [small OBJ] at night',
      'Here is a small {} at night',
      ['Here', 'is', 'a', 'small'],
      ['at', 'night'],
    ],
  ])('takes %j for words around the class name', (text, open, before, after) => {
    const words = wordTemplate(text)!;
    expect(words).toEqual({ before, after });
    expect(templateText(words)).toBe(open);
  });

  it('leaves out templates that name the class twice, or have a slot open', () => {
    for (const text of ['{} and {}', 'no class', 'a [ADJ] photo of [OBJ]']) expect(wordTemplate(text)).toBeUndefined();
  });

  // Words are points on a line, a template's loss its words' squared distance from 3 and from −2.
  const words = ['zero', 'one', 'two', 'three', 'minus'];
  const vocabulary = { words, embeddings: Float32Array.of(0, 1, 2, 3, -2), width: 1 };
  const aims = [3, -2];
  const placeOf = (word: string) => [0, 1, 2, 3, -2][words.indexOf(word)] ?? 0;
  const search = (rounds: number, candidates: number, score = losses) =>
    tokenSearch({ before: ['zero', 'zero'], after: [] }, vocabulary, {
      rounds,
      candidates,
      score,
      gradients: async ({ before }) => before.map((word, i) => Float32Array.of(2 * (placeOf(word) - aims[i]!))),
    });
  const losses = async (templates: readonly string[]) =>
    templates.map((template) => ({
      top1: 0.5,
      logLikelihood: -template
        .split(' ')
        .slice(0, 2)
        .reduce((sum, word, i) => sum + (placeOf(word) - aims[i]!) ** 2, 0),
    }));

  it('exchanges one word a round for the best of those that the gradient promises most', async () => {
    expect((await search(1, 1)).template).toBe('three zero {}');
    const { template, scored } = await search(9, 1);
    expect(template).toBe('three minus {}');
    // Start, two words in each of two rounds, and a last round that finds nothing new.
    expect(scored.length).toBeLessThanOrEqual(6);
  });

  it('keeps what it has where nothing is better', async () => {
    const equal = async (templates: readonly string[]) => templates.map(() => ({ top1: 0.5, logLikelihood: -1 }));
    expect((await search(5, 3, equal)).template).toBe('zero zero {}');
  });
});
