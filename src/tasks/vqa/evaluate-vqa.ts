import { join } from 'node:path';
import { cacheFolder } from '../../data/index.js';
import type { TowerModel } from '../../model/index.js';
import { HeadRunner } from './answer-questions.js';
import type { Question, VqaDataset } from './data/question.js';
import { type FeatureOptions, VqaFeatures } from './features.js';
import { checkHeadModel, type VqaHead } from './head/vqa-head.js';
import { type VqaAccuracy, vqaAccuracy } from './metric/accuracy.js';
import { questionsOf } from './questions-of.js';
import { answersByType, answerZeroShot } from './zero-shot/zero-shot.js';

/** Options of {@link evaluateVqa}. */
export interface EvaluateVqaOptions extends FeatureOptions {
  /** @defaultValue test, or val where there is none with answers */
  readonly split?: string;
  /** Where the prior and the candidates of zero-shot come from. @defaultValue train */
  readonly trainSplit?: string;
  /** Questions that are asked, drawn by lot; left out: all. */
  readonly questions?: number;
  readonly head?: VqaHead;
  /** A head that was trained without images. */
  readonly blind?: VqaHead;
  /** Whether the model also answers without a head. */
  readonly zeroShot?: boolean;
}

/** Accuracies of {@link evaluateVqa}, in percent. */
export interface VqaEvaluation {
  readonly data: string;
  readonly split: string;
  readonly questions: number;
  /** Left out of all figures: their images cannot be read. */
  readonly unreadable: number;
  /** Questions none of whose human answers the head knows: it is wrong on them, whatever it says. */
  readonly outside?: number;
  /** Questions that are longer than the model reads. */
  readonly cut?: number;
  /** By the most frequent training answer of each question type: what is reached without looking. */
  readonly prior: VqaAccuracy;
  readonly head?: VqaAccuracy;
  readonly blind?: VqaAccuracy;
  readonly zeroShot?: VqaAccuracy;
}

/** What was said to a question, as VQAv2's server takes it. */
export interface GivenAnswer {
  readonly question_id: string;
  readonly answer: string;
}

/**
 * The official accuracy of a head, beside the prior, a blind head and the model without a head, by question type and answer
 * type.
 *
 * @throws UserError where the split has no answers, or a head was trained on another model
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'vqa');
 * const { head, prior } = await evaluateVqa(model, await openVqa('emoji-vqa'), { head: loadVqaHead('runs/vqa') });
 * console.log(`${head?.overall} %, by the most frequent answers ${prior.overall} %`);
 */
export async function evaluateVqa(
  model: TowerModel,
  data: VqaDataset,
  options: EvaluateVqaOptions = {},
): Promise<VqaEvaluation & { readonly answers: readonly GivenAnswer[] }> {
  const { trainSplit = 'train', head, blind, device, threads, signal } = options;
  const split = options.split ?? usualSplit(data);
  const asked = questionsOf(data, split, options.questions);
  for (const one of [head, blind]) if (one) checkHeadModel(one, model);
  const cache = options.cache ?? join(cacheFolder(), 'vqa');
  const layer = (head ?? blind)?.config.vision_layer;
  const features =
    layer === undefined ? undefined : await VqaFeatures.of(model, data, asked, layer, { ...options, cache });
  const ready = features ? asked.filter((question) => features.has(question)) : asked;
  const scored = (given: readonly (string | undefined)[]) =>
    vqaAccuracy(ready.map((question, i) => ({ ...question, given: given[i] ?? '' })));
  const answered = async (one: VqaHead) => {
    const runner = await HeadRunner.open(one, features!, { device, threads });
    try {
      return await runner.answers(ready, one.answers, signal);
    } finally {
      await runner.dispose();
    }
  };
  const known = Object.hasOwn(data.splits, trainSplit) ? data.splits[trainSplit]! : [];
  const given = head && (await answered(head));
  const without = options.zeroShot ? await answerZeroShot(model, data, ready, known, options) : undefined;
  const said = given ?? without ?? [];
  return {
    ...{ data: data.name, split, questions: ready.length, unreadable: asked.length - ready.length },
    ...(head && { outside: outsideOf(head, ready) }),
    ...(features && { cut: features.cut }),
    prior: scored(priorAnswers(ready, known)),
    ...(given && { head: scored(given) }),
    ...(blind && { blind: scored(await answered(blind)) }),
    ...(without && { zeroShot: scored(without) }),
    answers: ready.flatMap(({ id }, i) => (said[i] === undefined ? [] : [{ question_id: id, answer: said[i] }])),
  };
}

function usualSplit({ splits }: VqaDataset): string {
  const answered = (split: string) => splits[split]?.some(({ answers }) => answers.length > 0);
  return ['test', 'testdev', 'val'].find(answered) ?? Object.keys(splits)[0]!;
}

/** The most frequent training answer of each question's type; of a type that was not seen, of all questions. */
function priorAnswers(questions: readonly Question[], known: readonly Question[]): (string | undefined)[] {
  const byType = answersByType(known, 1);
  const overall = answersByType(
    known.map((question) => ({ ...question, type: '' })),
    1,
  ).get('')?.[0];
  return questions.map(({ type }) => byType.get(type)?.[0] ?? overall);
}

function outsideOf({ answers }: VqaHead, questions: readonly Question[]): number {
  const known = new Set(answers);
  return questions.filter((question) => !question.answers.some((answer) => known.has(answer))).length;
}
