import type { Random } from '../../math/index.js';
import {
  drawSlots,
  fillSlots,
  type PromptTemplate,
  type SlotValues,
  slotChoices,
  type ValueSlot,
} from '../../prompt/index.js';
import { byQuality, isBetter, type Quality } from './scores.js';

/** A library template with values in its slots: what a search changes. */
export interface Candidate {
  readonly template: PromptTemplate;
  readonly slots: SlotValues;
}

export interface Judged {
  readonly candidate: Candidate;
  readonly quality: Quality;
}

/** How good candidates are, in their order. */
export type Judge = (candidates: readonly Candidate[]) => Promise<readonly Quality[]>;

/** The candidate's text, its class name open. */
export const textOf = ({ template, slots }: Candidate): string => fillSlots(template.text, slots);

/** Another value in one slot; of a template without slots, another template of its domain. */
export function mutate({ template, slots }: Candidate, library: readonly PromptTemplate[], random: Random): Candidate {
  if (template.slots.length === 0 || random.float() < 0.3) {
    const relatives = library.filter(
      ({ domain, language }) => domain === template.domain && language === template.language,
    );
    const other = random.pick(relatives);
    return { template: other, slots: { ...drawSlots(other, random), ...shared(other, slots) } };
  }
  const slot = random.pick(template.slots);
  const values = slotChoices(template)[slot]!.filter((value) => value !== slots[slot]);
  return { template, slots: { ...slots, [slot]: random.pick(values) } };
}

/** One parent's template and its values, with the other's in the slots that both have. */
export function cross(a: Candidate, b: Candidate, random: Random): Candidate {
  const [frame, giver] = random.float() < 0.5 ? [a, b] : [b, a];
  return { template: frame.template, slots: { ...frame.slots, ...shared(frame.template, giver.slots) } };
}

/** Those of some values that a template has a slot for, and its domain knows. */
function shared(template: PromptTemplate, slots: SlotValues): SlotValues {
  const choices = slotChoices(template);
  const known = (Object.entries(slots) as [ValueSlot, string][]).filter(([slot, value]) =>
    choices[slot]?.includes(value),
  );
  return Object.fromEntries(known);
}

export interface EvolutionOptions {
  readonly generations: number;
  /** Candidates that go on from one generation to the next, and as many children. */
  readonly population: number;
  readonly library: readonly PromptTemplate[];
}

/**
 * Evolutionary search: each generation's children are crossed from two parents, then mutated; of parents and children
 * the best go on, so that nothing good is lost.
 *
 * @param start at least one
 * @returns the last generation, the best first
 */
export async function evolve(
  start: readonly Judged[],
  judge: Judge,
  random: Random,
  { generations, population, library }: EvolutionOptions,
): Promise<Judged[]> {
  const best = (all: readonly Judged[]) => {
    const distinct = new Map(all.map((one) => [textOf(one.candidate), one]));
    return [...distinct.values()].sort((a, b) => byQuality(a.quality, b.quality)).slice(0, population);
  };
  let parents = best(start);
  for (let generation = 0; generation < generations; generation++) {
    const known = new Set(parents.map(({ candidate }) => textOf(candidate)));
    const children = new Map<string, Candidate>();
    for (let i = 0; i < population; i++) {
      const crossed = cross(tournament(parents, random), tournament(parents, random), random);
      const child = mutate(crossed, library, random);
      if (!known.has(textOf(child))) children.set(textOf(child), child);
    }
    const candidates = [...children.values()];
    const qualities = await judge(candidates);
    parents = best([...parents, ...candidates.map((candidate, i) => ({ candidate, quality: qualities[i]! }))]);
  }
  return parents;
}

/** The better of two drawn at random. */
function tournament(parents: readonly Judged[], random: Random): Candidate {
  const [a, b] = [random.pick(parents), random.pick(parents)];
  return isBetter(a.quality, b.quality) ? a.candidate : b.candidate;
}

/** Coordinate search of the slots: each in turn takes its best value with the others held, until none changes. */
export async function coordinateSearch(start: Judged, judge: Judge): Promise<Judged> {
  let best = start;
  for (let changed = true; changed; ) {
    changed = false;
    for (const [slot, values] of Object.entries(slotChoices(start.candidate.template))) {
      const { template, slots } = best.candidate;
      const others = values.filter((value) => value !== slots[slot as ValueSlot]);
      const candidates = others.map((value) => ({ template, slots: { ...slots, [slot]: value } }));
      const qualities = await judge(candidates);
      for (const [i, quality] of qualities.entries()) {
        if (!isBetter(quality, best.quality)) continue;
        best = { candidate: candidates[i]!, quality };
        changed = true;
      }
    }
  }
  return best;
}
