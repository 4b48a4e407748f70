import { describe, expect, it } from 'vitest';
import { Random } from '../math/index.js';
import { type BiasedAnswer, biasedAnswers, calibratedBias } from './calibrated-bias.js';

/** Scores of images among base and novel classes, by lot; few different ones make ties. */
function scores(seed: number, images: number, classes: number, steps?: number) {
  const random = new Random('bias', seed);
  const novelClass = (label: number) => label >= classes / 2;
  return Array.from({ length: images }, (_, i) => {
    const label = i % classes;
    const row = Array.from({ length: classes }, (_, c) => {
      const score = random.uniform(0, 1) + (c === label ? 0.5 : 0) + (novelClass(c) ? 0 : 0.2);
      return steps ? Math.round(score * steps) / steps : score;
    });
    return { label, row, novel: novelClass(label) };
  });
}
type Scored = ReturnType<typeof scores>[number];

const first = (row: readonly number[], among: readonly number[]) =>
  among.reduce((best, c) => (row[c]! > row[best]! ? c : best), among[0]!);
const kinds = (classes: number) => {
  const all = Array.from({ length: classes }, (_, c) => c);
  return { all, base: all.filter((c) => c < classes / 2), novel: all.filter((c) => c >= classes / 2) };
};

function answersOf(images: readonly Scored[], classes: number): BiasedAnswer[] {
  const { base, novel } = kinds(classes);
  return images.map(({ label, row, novel: unseen }) => ({
    novel: unseen,
    right: first(row, unseen ? novel : base) === label,
    margin: row[first(row, base)]! - row[first(row, novel)]!,
  }));
}

/** Every image answered among all classes with a bias on the novel ones' scores. */
function accuracy(images: readonly Scored[], classes: number, bias: number) {
  const { all } = kinds(classes);
  const right = (unseen: boolean) => {
    const own = images.filter(({ novel }) => novel === unseen);
    const hits = own.filter(
      ({ label, row }) =>
        first(
          row.map((score, c) => score + (c >= classes / 2 ? bias : 0)),
          all,
        ) === label,
    );
    return hits.length / own.length;
  };
  return [right(false), right(true)] as const;
}

/** Rows whose cosines with e_0, e_1, … are the scores, scaled down: an image's scores times 1 / 4. */
function asRows(images: readonly Scored[]) {
  const width = images[0]!.row.length;
  return { data: Float32Array.from(images.flatMap(({ row }) => row.map((x) => x / 4))), count: images.length, width };
}

describe('accuracy over a calibration bias', () => {
  it.each([1, 2, 3])('is what answering among all classes at each of many biases gives, seed %i', (seed) => {
    const [count, classes] = [60, 8];
    const images = scores(seed, count, classes);
    const found = calibratedBias(answersOf(images, classes));
    const grid = Array.from({ length: 2001 }, (_, i) => -2 + i / 500);
    const curve = grid.map((bias) => accuracy(images, classes, bias));
    const area = curve
      .slice(1)
      .reduce((sum, [seen, unseen], i) => sum + (curve[i]![0] - seen) * ((curve[i]![1] + unseen) / 2), 0);
    expect(found.auc).toBeCloseTo(area, 2);
    expect(found.bestSeen).toBe(curve[0]![0]);
    expect(found.bestUnseen).toBe(curve.at(-1)![1]);
    const means = curve.map(([seen, unseen]) => seen + unseen && (2 * seen * unseen) / (seen + unseen));
    expect(found.best.harmonic).toBeCloseTo(Math.max(...means), 12);
    // The bias named gives the accuracies named.
    for (const { bias, seen, unseen } of [found.best, found.unbiased])
      expect([seen, unseen]).toEqual(accuracy(images, classes, bias));
    expect(found.unbiased.bias).toBe(0);
  });

  it.each([4, 5])('has the area of all pairs of a seen and an unseen image, ties half, seed %i', (seed) => {
    const images = scores(seed, 80, 8, 5);
    const answers = answersOf(images, 8);
    const [seen, unseen] = [false, true].map((kind) => answers.filter(({ novel }) => novel === kind));
    const pairs = seen!.flatMap((a) =>
      unseen!.map((b) => (a.right && b.right ? (Math.sign(a.margin - b.margin) + 1) / 2 : 0)),
    );
    const { auc, unbiased } = calibratedBias(answers);
    expect(auc).toBeCloseTo(pairs.reduce((sum, share) => sum + share, 0) / pairs.length, 12);
    expect([unbiased.seen, unbiased.unseen]).toEqual(accuracy(images, 8, 0));
  });

  it('is read off features, and scores are in logits', () => {
    const images = scores(6, 40, 8, 64);
    const kind = (labels: number[]) => {
      const rows = labels.map((label) => Array.from({ length: 8 }, (_, c) => +(c === label)));
      return { labels, features: { data: Float32Array.from(rows.flat()), count: labels.length, width: 8 } };
    };
    const { base, novel } = kinds(8);
    const examples = images.map(({ label }, row) => ({ label, row }));
    const read = biasedAnswers(asRows(images), examples, { base: kind(base), novel: kind(novel) }, 4);
    expect(read).toEqual(answersOf(images, 8).map((one) => ({ ...one, margin: expect.closeTo(one.margin, 12) })));
  });

  it('is 0 where nothing is right, and asks for both kinds', () => {
    const wrong = (novel: boolean) => ({ novel, right: false, margin: 0 });
    const { auc, best, unbiased } = calibratedBias([wrong(false), wrong(true)]);
    expect([auc, best.harmonic, unbiased.harmonic]).toEqual([0, 0, 0]);
    expect(() => calibratedBias([wrong(true)])).toThrow('one kind alone');
  });
});
