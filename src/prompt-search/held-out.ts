import { classFeatures, topClasses } from '../evaluate/index.js';
import type { Interval } from '../math/index.js';
import { type Rows, rowsInARow, wilson } from '../math/index.js';
import { type PromptSet, publishedEnsembles } from '../prompt/index.js';
import * as promptSearch from './selection/index.js';
import type { TemplateBank } from './text-bank.js';

/** One way to name classes, on images that no search saw. */
export interface HeldOutFigure {
  readonly name: string;
  /** How many templates it has. */
  readonly templates: number;
  readonly top1: Interval;
  /** What the found prompts get right more, a difference of shares; paired on the same images. */
  readonly gain?: Interval;
}

/** Sets that say the same are named together. */
interface Rival extends PromptSet {
  readonly name: string;
}

const alike = (templates: readonly string[]): PromptSet => ({ templates, weights: templates.map(() => 1) });

/** What the default templates are called among the rivals. */
export const defaultName = 'default';

/** The default templates and everything published, each once. */
export function rivals(defaults: readonly string[]): Rival[] {
  const sets = new Map<string, Rival>();
  const all = [{ name: defaultName, templates: defaults }, ...publishedEnsembles];
  for (const { name, templates } of all) {
    const key = JSON.stringify(templates);
    const same = sets.get(key);
    sets.set(key, { name: same ? `${same.name}, ${name}` : name, ...alike(templates) });
  }
  return [...sets.values()];
}

/**
 * Accuracies of the found prompts and of their rivals.
 *
 * @param labels for each image, the column of its class
 * @returns the found prompts first
 */
export async function heldOutFigures(
  found: PromptSet,
  others: readonly Rival[],
  bank: TemplateBank,
  images: Rows,
  labels: readonly number[],
  seed: number,
): Promise<HeldOutFigure[]> {
  const right = async ({ templates, weights }: PromptSet): Promise<boolean[]> => {
    const texts = rowsInARow(await bank.features(templates));
    const classes = texts.count / templates.length;
    const columns = Array.from({ length: classes }, (_, c) => c);
    const features = classFeatures(
      texts,
      columns.map((c) => templates.map((_, t) => t * classes + c)),
      weights,
    );
    // The best class is the same at any scale.
    return labels.map((label, n) => topClasses(images, n, features, columns, 1, 1)[0]!.label === label);
  };
  const share = (outcomes: readonly boolean[]) => wilson(outcomes.filter(Boolean).length, outcomes.length);
  const ours = await right(found);
  const figures: HeldOutFigure[] = [{ name: 'found', templates: found.templates.length, top1: share(ours) }];
  for (const rival of others) {
    const theirs = await right(rival);
    figures.push({
      name: rival.name,
      templates: rival.templates.length,
      top1: share(theirs),
      gain: promptSearch.pairedGain(ours, theirs, seed),
    });
  }
  return figures;
}
