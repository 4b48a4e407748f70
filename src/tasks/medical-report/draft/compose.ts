import { type Findings, type Seen, similarities } from '../analyse.js';
import type { Sentence } from '../corpus/corpus.js';
import type { ReportIndex } from '../corpus/index-folder.js';
import { findingSet } from '../labels/finding-set.js';
import { type Region, regionOf } from './region.js';

/** A sentence of a draft, and why it stands there. */
export interface DraftSentence {
  readonly text: string;
  /** What it says, by finding. */
  readonly says: Readonly<Record<string, 'present' | 'absent'>>;
  readonly evidence: {
    /** The study whose report it is quoted from. */
    readonly study: string;
    /** How much what was seen there is like what is seen here, −1 … 1. */
    readonly similarity: number;
    /** Of the finding that it was chosen for. */
    readonly finding: string;
    readonly probability: number;
    /** Where the head looks for it, in shares of the square that the model sees, and in which of the images. */
    readonly region?: Region;
    readonly image?: number;
  };
}

/** Denied by fewer of the reports than this, a finding's absence is not written out. */
const usualDenial = 0.5;

/**
 * Retrieves, then composes: for each finding that is said to be there the indexed sentence that affirms it in the study where it
 * looks most alike and stands in the same place; then, for those said not to be there, the sentences that deny most of them at
 * once, as reports usually do.
 *
 * A sentence that says anything else than what was found, and one that says nothing more, is not taken. Nothing is generated.
 */
export function compose(seen: Seen, findings: readonly Findings[], index: ReportIndex): DraftSentence[] {
  const { described } = index;
  const { none } = findingSet(described.findings);
  const state = new Map(findings.map(({ name, said }) => [name, said]));
  const agrees = ({ labels }: Sentence) => Object.entries(labels).every(([name, said]) => state.get(name) === said);
  const usable = described.sentences.filter(agrees);
  const drafted: DraftSentence[] = [];
  const covered = new Set<string>();
  const byKey = keysOf(index);
  const add = (
    sentence: Sentence,
    finding: string,
    source: number,
    similarity: number,
    region?: Partial<DraftSentence['evidence']>,
  ) => {
    for (const name of Object.keys(sentence.labels)) covered.add(name);
    const { probability } = findings.find(({ name }) => name === finding)!;
    const study = described.studies[source]!;
    drafted.push({
      text: sentence.text,
      says: sentence.labels,
      evidence: { study, similarity, finding, probability, ...region },
    });
  };

  const there = findings.flatMap((finding, f) => (finding.said === 'present' ? [{ ...finding, f }] : []));
  for (const { name, f } of there.sort((a, b) => b.probability - a.probability)) {
    if (covered.has(name) || name === none) continue;
    const like = similarities(seen.keys[f]!, index.keys);
    const at = (study: number) => {
      const key = byKey.get(`${study} ${f}`);
      return key === undefined ? -1 : like[key]!;
    };
    const best = bestSource(
      usable.filter(({ labels }) => labels[name] === 'present'),
      at,
    );
    if (!best) continue;
    const { patches } = described.head;
    const region = regionOf(seen.attention.subarray(f * patches, (f + 1) * patches));
    add(best.sentence, name, best.source, best.similarity, { region, image: seen.views[f]! });
  }

  const look = similarities(seen.look, index.looks);
  const denials = usable.filter(({ labels }) => Object.values(labels).every((said) => said === 'absent'));
  const wanted = new Set(
    findings.flatMap(({ name, said }) =>
      said === 'absent' && name !== none && described.denied[name]! >= usualDenial ? [name] : [],
    ),
  );
  for (;;) {
    const fresh = ({ labels }: Sentence) =>
      Object.keys(labels).filter((name) => wanted.has(name) && !covered.has(name));
    const ranked = denials
      .map((sentence) => ({ sentence, names: fresh(sentence) }))
      .filter(({ names }) => names.length > 0)
      .sort((a, b) => b.names.length - a.names.length || b.sentence.count - a.sentence.count);
    const [most] = ranked;
    if (!most) return drafted;
    const { source, similarity } = bestSource([most.sentence], (study) => look[study]!)!;
    add(most.sentence, most.names[0]!, source, similarity);
  }
}

/** Of some sentences the one whose source is most alike; of equal ones the one of more reports. */
function bestSource(
  sentences: readonly Sentence[],
  similarityOf: (study: number) => number,
): { sentence: Sentence; source: number; similarity: number } | undefined {
  let best: { sentence: Sentence; source: number; similarity: number } | undefined;
  for (const sentence of sentences) {
    for (const source of sentence.sources) {
      const similarity = similarityOf(source);
      const isBetter = !best || similarity > best.similarity;
      if (isBetter || (similarity === best!.similarity && sentence.count > best!.sentence.count)) {
        best = { sentence, source, similarity };
      }
    }
  }
  return best;
}

const known = new WeakMap<ReportIndex, ReadonlyMap<string, number>>();

/** Places of evidence keys by study and finding. */
function keysOf(index: ReportIndex): ReadonlyMap<string, number> {
  let found = known.get(index);
  if (!found) {
    found = new Map(index.described.keys.map(([study, finding], place) => [`${study} ${finding}`, place]));
    known.set(index, found);
  }
  return found;
}
