import type { LossCurve, PhaseSpan } from './data.js';

/** The losses of a run, step by step; `step` counts over all phases. */
export interface LossHistory {
  readonly model: string;
  readonly entries: readonly {
    readonly step: number;
    readonly phase: string;
    readonly losses: Readonly<Record<string, number>>;
  }[];
}

const titles: Record<string, readonly [title: string, about: string]> = {
  feature: ['Feature alignment', 'Distance of mapped layers and final embeddings, after the learnable M.'],
  attention: ['Attention', 'Distance of mapped layers’ attention maps.'],
  cross_modal: ['Cross-modal attention', 'Distance of the maps from patches to words.'],
  response: ['Response', 'KL divergence of the logits at temperature T.'],
  total: ['Total', 'What is minimised, with all weights.'],
};

/** One curve a component, in the order above, then whatever else was reported. */
export function lossCurves(histories: readonly LossHistory[]): LossCurve[] {
  const found = new Set(histories.flatMap(({ entries }) => entries.flatMap(({ losses }) => Object.keys(losses))));
  const known = Object.keys(titles).filter((name) => found.has(name));
  const names = [...known, ...[...found].filter((name) => !known.includes(name))];
  return names.map((name) => {
    const [component, about] = titles[name] ?? [name.replaceAll('_', ' '), undefined];
    const series = histories.map(({ model, entries }) => ({
      model,
      points: entries.flatMap(({ step, losses }) =>
        losses[name] === undefined ? [] : [[step, losses[name]] as const],
      ),
    }));
    return { component, about, series: series.filter(({ points }) => points.length > 0) };
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
