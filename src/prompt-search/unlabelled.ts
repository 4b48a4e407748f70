import type { PromptSet } from '../prompt/index.js';
import type { ImageScorer } from './image-scorer.js';
import type { SearchSettings } from './options.js';
import * as promptSearch from './selection/index.js';
import type { TemplateBank } from './text-bank.js';

export interface UnlabelledTask {
  readonly bank: TemplateBank;
  readonly scorer: ImageScorer;
  readonly classes: number;
  readonly scale: number;
}

/**
 * Finds templates and weights without labels: each template's confidence after bias correction, information and
 * agreement with the others; those that stand out are the set, weighted by how far they do.
 */
export async function searchUnlabelled(
  { bank, scorer, classes, scale }: UnlabelledTask,
  templates: readonly string[],
  { size, onProgress }: Pick<SearchSettings, 'size' | 'onProgress'>,
): Promise<PromptSet> {
  const judge = new promptSearch.UnlabelledJudge(classes, scale);
  await bank.visit(templates, async (features, i) => {
    judge.add(await scorer.cosines(features));
    onProgress?.('templates', i + 1, templates.length);
  });
  const { members, weights } = promptSearch.standOut(promptSearch.combinedScores(judge.scores()), size);
  return { templates: members.map((member) => templates[member]!), weights };
}
