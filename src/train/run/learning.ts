import { type RunEvaluation, scoreOf } from './evaluation.js';
import { bestOf } from './validation.js';

/**
 * Whether a run still learns: `learning` where the last third of its evaluations brought more than half a standard error,
 * `falling` where the last is more than two below the best, otherwise `level`; undefined of fewer than three.
 */
export type Trend = 'learning' | 'level' | 'falling';

/**
 * See {@link Trend}. The standard error √(p(1 − p)/n) is that of a share p of n images; evaluations are of the same images,
 * so that differences between them scatter less than that.
 *
 * @param evaluations in their order, of one phase
 */
export function trendOf(evaluations: readonly RunEvaluation[]): Trend | undefined {
  if (evaluations.length < 3) return undefined;
  const scores = evaluations.map(scoreOf);
  const best = Math.max(...scores);
  const error = Math.sqrt(Math.max(best * (1 - best), 1 / 16) / evaluations[0]!.images);
  if (scores.at(-1)! < best - 2 * error) return 'falling';
  const late = Math.ceil(scores.length / 3);
  const gain = Math.max(...scores.slice(-late)) - Math.max(...scores.slice(0, -late));
  return gain > error / 2 ? 'learning' : 'level';
}

/** The trend in words, with how far back the best evaluation lies. */
export function trendLine(evaluations: readonly RunEvaluation[]): string | undefined {
  const trend = trendOf(evaluations);
  if (trend === undefined) return undefined;
  const ago = evaluations.length - 1 - evaluations.indexOf(bestOf(evaluations)!);
  const since = ago === 0 ? 'the best so far' : `no better for ${ago} ${ago === 1 ? 'evaluation' : 'evaluations'}`;
  const words = { learning: 'still learning', level: 'levels off', falling: 'falls: it learns its images by heart' };
  return `${words[trend]} (${since})`;
}
