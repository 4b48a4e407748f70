import { Random } from '../math/index.js';
import type { PromptSet, PromptTemplate } from '../prompt/index.js';
import { type ImageScorer, overlapsOf } from './image-scorer.js';
import type { SearchSettings } from './options.js';
import * as promptSearch from './selection/index.js';
import type { TemplateBank } from './text-bank.js';
import type { TokenGradients } from './token-gradients.js';

type Candidate = promptSearch.Candidate;
type Judged = promptSearch.Judged;
type Quality = promptSearch.Quality;

/** What a search looks at: images whose first `fit` make sets and whose rest choose among them. */
export interface LabelledTask {
  readonly bank: TemplateBank;
  readonly scorer: ImageScorer;
  /** For each image, the column of its class. */
  readonly labels: readonly number[];
  readonly fit: number;
  readonly classes: number;
  readonly scale: number;
  readonly library: readonly PromptTemplate[];
  /** The default templates: a set that is found must do at least as well as them on the images that choose. */
  readonly defaults: readonly string[];
  /** Of the images that make sets, for the token search; left out: none. */
  readonly gradients?: TokenGradients;
}

/** How a set was found, and how good it is on the images it was made of and on those that chose it. */
export interface LabelledChoice {
  /** `default`: no set that was found did better than the default templates. */
  readonly method: 'greedy' | 'beam' | 'default';
  /** Whether fitted weights were better than equal ones. */
  readonly weighted: boolean;
  readonly fit: Quality;
  readonly validation: Quality;
}

/**
 * Finds templates and weights by labels: every candidate is scored alone; the best evolve and have their slots tuned;
 * with gradients, words of the best template are exchanged; sets grow out of the best by greedy and by beam search; the
 * other images choose among the sets, and between equal weights and fitted ones.
 *
 * @param start library templates with their slots drawn
 * @param fixed texts that take part as they are
 */
export async function searchLabelled(
  task: LabelledTask,
  start: readonly Candidate[],
  fixed: readonly string[],
  settings: SearchSettings,
): Promise<{ found: PromptSet; scored: number; choice: LabelledChoice }> {
  const { bank, scorer, labels, fit, classes, scale, library, defaults } = task;
  const { generations, population, tuned, pool, size, beam, seed, onProgress, signal } = settings;
  const fitLabels = labels.slice(0, fit);
  const qualities = new Map<string, Quality>();
  /** Scores texts that are new; the rest are known. */
  const score = async (texts: readonly string[], onDone?: (done: number) => void): Promise<void> => {
    const fresh = [...new Set(texts)].filter((text) => !qualities.has(text));
    await bank.visit(fresh, async (features, i) => {
      const cosines = (await scorer.cosines(features)).subarray(0, fit * classes);
      qualities.set(fresh[i]!, promptSearch.qualityOf(cosines, fitLabels, classes, scale));
      onDone?.(i + 1);
    });
  };
  const judge: promptSearch.Judge = async (candidates) => {
    const texts = candidates.map(promptSearch.textOf);
    await score(texts);
    return texts.map((text) => qualities.get(text)!);
  };

  const texts = [...fixed, ...start.map(promptSearch.textOf)];
  await score(texts, (done) => onProgress?.('templates', done, texts.length));
  const judged: Judged[] = start.map((candidate) => ({
    candidate,
    quality: qualities.get(promptSearch.textOf(candidate))!,
  }));
  let turn = 0;
  const evolved = await promptSearch.evolve(
    judged,
    async (candidates) => {
      const found = await judge(candidates);
      onProgress?.('evolution', ++turn, generations);
      return found;
    },
    new Random(seed, 'evolution'),
    { generations, population, library },
  );
  for (const one of evolved.slice(0, tuned)) await promptSearch.coordinateSearch(one, judge);

  const ranked = () =>
    [...qualities].sort(([, a], [, b]) => promptSearch.byQuality(a, b)).map(([template]) => template);
  if (task.gradients) await searchTokens(task.gradients, ranked(), score, qualities, settings);
  const best = [...new Set([...ranked().slice(0, pool), ...defaults])];
  const [fitted, validation] = await poolScores(task, best);
  const greedy = await promptSearch.beamSearch(fitted, { size, width: 1, signal });
  onProgress?.('sets', 1, 2);
  const wide = await promptSearch.beamSearch(fitted, { size, width: beam, signal });
  onProgress?.('sets', 2, 2);
  const usual = defaults.map((template) => best.indexOf(template));
  const asTheyAre = { members: usual, quality: promptSearch.ensembleQuality(fitted, promptSearch.uniform(usual)) };
  const chosen = promptSearch.chooseHeldOut([...greedy, ...wide, asTheyAre], validation);
  const isSame = ({ members }: promptSearch.Found) => members.join() === chosen.members.join();
  const even = promptSearch.uniform(chosen.members);
  const learned = promptSearch.fitWeights(fitted, chosen.members);
  const gained = promptSearch.ensembleQuality(validation, learned);
  const weighted = promptSearch.isBetter(gained, chosen.quality);
  const ensemble = weighted ? learned : even;
  return {
    found: { templates: ensemble.members.map((member) => best[member]!), weights: ensemble.weights },
    scored: qualities.size,
    choice: {
      method: greedy.some(isSame) ? 'greedy' : wide.some(isSame) ? 'beam' : 'default',
      weighted,
      fit: promptSearch.ensembleQuality(fitted, ensemble),
      validation: weighted ? gained : chosen.quality,
    },
  };
}

/** Exchanges words of the best template that names its class once. Whatever was scored takes part in the sets. */
async function searchTokens(
  gradients: TokenGradients,
  ranked: readonly string[],
  score: (texts: readonly string[]) => Promise<void>,
  qualities: ReadonlyMap<string, Quality>,
  { tokens, onProgress }: SearchSettings,
): Promise<void> {
  const start = ranked.flatMap((text) => promptSearch.wordTemplate(text) ?? [])[0];
  if (!start) return;
  await promptSearch.tokenSearch(start, gradients.vocabulary, {
    rounds: tokens,
    candidates: candidateWords,
    gradients: (template) => gradients.of(template),
    score: async (texts) => {
      await score(texts);
      return texts.map((text) => qualities.get(text)!);
    },
    onRound: (done, total) => onProgress?.('tokens', done, total),
  });
}

/** Words that are scored a place and round of the token search. */
const candidateWords = 16;

/** Score matrices of a few templates, on the images that fit and on those that validate. */
async function poolScores(
  { bank, scorer, labels, fit, classes, scale }: LabelledTask,
  templates: readonly string[],
): Promise<[promptSearch.Labelled, promptSearch.Labelled]> {
  const features = await bank.features(templates);
  const overlaps = overlapsOf(features);
  const parts: [Float32Array[], Float32Array[]] = [[], []];
  for (const own of features) {
    const cosines = await scorer.cosines(own);
    parts[0].push(cosines.slice(0, fit * classes));
    parts[1].push(cosines.slice(fit * classes));
  }
  const labelled = (cosines: readonly Float32Array[], own: readonly number[]) => ({
    scores: { images: own.length, classes, cosines, overlaps },
    labels: own,
    scale,
  });
  return [labelled(parts[0], labels.slice(0, fit)), labelled(parts[1], labels.slice(fit))];
}
