import type { LossCurve, LossPoint, LossSeries, PhaseSpan } from './data.js';

/** The losses of a run, step by step; `step` counts over all phases. */
export interface LossHistory {
  readonly model: string;
  readonly entries: readonly {
    readonly step: number;
    readonly phase: string;
    readonly losses: Readonly<Record<string, number>>;
  }[];
}

type Names = Readonly<Record<string, string>>;

const titles: Record<string, readonly [title: string, about: string]> = {
  feature: ['Feature alignment', 'Distance between student and teacher features, after the learned map M.'],
  attention: ['Attention', 'Distance between the attention maps of student and teacher layers.'],
  cross_modal: ['Cross-modal attention', 'Distance between the maps from image patches to words.'],
  response: ['Response', 'KL divergence between the class probabilities of student and teacher, at temperature T.'],
  total: ['Total', 'The weighted sum that training minimises.'],
};

/**
 * One curve per loss, in the order above, then whatever else was reported.
 *
 * @param names shown names of phases
 */
export function lossCurves(histories: readonly LossHistory[], names: Names = {}): LossCurve[] {
  const found = new Set(histories.flatMap(({ entries }) => entries.flatMap(({ losses }) => Object.keys(losses))));
  const known = Object.keys(titles).filter((name) => found.has(name));
  return [...known, ...[...found].filter((name) => !known.includes(name))].map((loss) => {
    const [component, about] = titles[loss] ?? [loss.replaceAll('_', ' '), undefined];
    const series = histories.map(({ model, entries }): LossSeries => {
      const phases: { name: string; points: LossPoint[] }[] = [];
      for (const { step, phase, losses } of entries) {
        if (losses[loss] === undefined) continue;
        const name = names[phase] ?? phase;
        if (phases.at(-1)?.name !== name) phases.push({ name, points: [] });
        phases.at(-1)!.points.push([step, losses[loss]]);
      }
      return { model, phases };
    });
    return { component, about, series: series.filter(({ phases }) => phases.length > 0) };
  });
}

/** The phases of one run as stretches of its steps. */
export function phaseSpans({ entries }: LossHistory, names: Names = {}): PhaseSpan[] {
  const spans: { name: string; start: number; end: number }[] = [];
  for (const { step, phase } of entries) {
    const name = names[phase] ?? phase;
    const last = spans.at(-1);
    if (last?.name === name) last.end = step;
    else spans.push({ name, start: last?.end ?? 0, end: step });
  }
  return spans;
}
