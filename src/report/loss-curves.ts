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

/** How a loss is shown; `distillLosses` is a list of them. */
export interface LossTitle {
  readonly name: string;
  readonly label: string;
  readonly about: string;
}

const total: LossTitle = { name: 'total', label: 'Total', about: 'The weighted sum that training minimises.' };

/**
 * One curve per loss: the known ones in their order, the total, then whatever else was reported.
 *
 * @param names shown names of phases
 */
export function lossCurves(
  histories: readonly LossHistory[],
  known: readonly LossTitle[],
  names: Readonly<Record<string, string>> = {},
): LossCurve[] {
  const found = new Set(histories.flatMap(({ entries }) => entries.flatMap(({ losses }) => Object.keys(losses))));
  const titles = new Map([...known, total].map((title) => [title.name, title]));
  const shown = [...[...titles.keys()].filter((name) => found.has(name)), ...[...found].filter((n) => !titles.has(n))];
  return shown.map((loss) => {
    const { label: component, about } = titles.get(loss) ?? { label: loss.replaceAll('_', ' '), about: undefined };
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
export function phaseSpans({ entries }: LossHistory, names: Readonly<Record<string, string>> = {}): PhaseSpan[] {
  const spans: { name: string; start: number; end: number }[] = [];
  for (const { step, phase } of entries) {
    const name = names[phase] ?? phase;
    const last = spans.at(-1);
    if (last?.name === name) last.end = step;
    else spans.push({ name, start: last?.end ?? 0, end: step });
  }
  return spans;
}
