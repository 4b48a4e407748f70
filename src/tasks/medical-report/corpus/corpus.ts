import { z } from 'zod';
import { UserError } from '../../../errors.js';
import type { Study } from '../data/study.js';
import type { FindingSet } from '../labels/finding-set.js';
import { labelReport, labelSentence, type Said } from '../labels/labeler.js';
import { isQuotable } from '../labels/quotable.js';
import { metricText, sentencesOf } from '../labels/sentences.js';

/** A sentence that drafts may quote. */
export const sentenceSchema = z.strictObject({
  text: z.string().min(1),
  /** What it says, by finding; it says something. */
  labels: z.record(z.string(), z.enum(['present', 'absent'])),
  /** How many reports have it. */
  count: z.int().positive(),
  /** Places of studies whose reports have it, in the corpus; not more than {@link mostSources}. */
  sources: z.array(z.int().min(0)).min(1),
});
export type Sentence = z.infer<typeof sentenceSchema>;

/** Kept of a sentence: a common one has thousands. */
const mostSources = 200;

/** Reports taken apart: what drafts are made of. */
export interface Corpus {
  readonly sentences: readonly Sentence[];
  /** Of the studies, in their order: what each report says. */
  readonly labels: readonly ReadonlyMap<string, Said>[];
  /** Of each finding, the share of the reports that deny it, of those that do not affirm it. */
  readonly denied: Readonly<Record<string, number>>;
  /** The report that most studies without a finding have, or the one nearest to them all: the constant baseline. */
  readonly normal: string;
  /** Sentences that were left out, of earlier images, people or dates. */
  readonly scrubbed: number;
}

/**
 * Takes reports apart into sentences that a draft of another study may quote: each says of some finding that it is there or not, and
 * nothing of earlier images, people or dates. Equal ones are one, with all their sources.
 *
 * @throws UserError for fewer than two different reports
 */
export function corpusOf(name: string, studies: readonly Study[], set: FindingSet): Corpus {
  const different = new Set(studies.map(({ report }) => metricText(report)));
  if (different.size < 2) {
    throw new UserError(
      `${name}: expected different reports to draw sentences from, got ${studies.length === 1 ? 'one report' : `one report ${studies.length} times`}: every draft would be that one`,
    );
  }
  const sentences = new Map<
    string,
    { text: string; labels: Record<string, 'present' | 'absent'>; sources: number[]; count: number }
  >();
  let scrubbed = 0;
  for (const [study, { report }] of studies.entries()) {
    for (const text of sentencesOf(report)) {
      if (!isQuotable(text)) {
        scrubbed++;
        continue;
      }
      const key = metricText(text);
      const known = sentences.get(key);
      if (known) {
        known.count++;
        if (known.sources.length < mostSources) known.sources.push(study);
        continue;
      }
      const said = [...labelSentence(text, set)];
      // What is doubted in one study says nothing of another.
      if (said.length === 0 || said.some(([, each]) => each === 'uncertain')) continue;
      const labels = Object.fromEntries(said) as Record<string, 'present' | 'absent'>;
      sentences.set(key, { text: /[.!?]$/.test(text) ? text : `${text}.`, labels, sources: [study], count: 1 });
    }
  }
  if (sentences.size === 0) {
    throw new UserError(
      `${name}: no sentence of ${studies.length} reports speaks of one of ${set.findings.map((finding) => finding.name).join(', ')}: choose other findings with ?findings=`,
    );
  }
  const labels = studies.map(({ report }) => labelReport(report, set));
  const denied = Object.fromEntries(
    set.findings.map((finding) => {
      const rest = labels.filter((label) => label.get(finding.name) !== 'present');
      const denials = rest.filter((label) => label.get(finding.name) === 'absent').length;
      return [finding.name, rest.length === 0 ? 0 : denials / rest.length];
    }),
  );
  return { sentences: [...sentences.values()], labels, denied, normal: normalReport(studies, labels, set), scrubbed };
}

/**
 * Of the reports that affirm no finding the most frequent; where none comes twice, the one that shares most words with the others.
 */
function normalReport(
  studies: readonly Study[],
  labels: readonly ReadonlyMap<string, Said>[],
  set: FindingSet,
): string {
  const isNormal = (label: ReadonlyMap<string, Said>) =>
    [...label].every(([name, said]) => said === 'absent' || name === set.none);
  const normal = studies.filter((_, i) => isNormal(labels[i]!)).map(({ report }) => metricText(report));
  const counts = new Map<string, number>();
  for (const report of normal) counts.set(report, (counts.get(report) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  if (most && most[1] > 1) return most[0];
  const words = new Map<string, number>();
  for (const report of normal)
    for (const word of new Set(report.split(' '))) words.set(word, (words.get(word) ?? 0) + 1);
  const shared = (report: string) => {
    const own = [...new Set(report.split(' '))];
    return own.reduce((sum, word) => sum + words.get(word)!, 0) / Math.sqrt(own.length);
  };
  const candidates = normal.length > 0 ? normal : studies.map(({ report }) => metricText(report));
  return candidates.reduce((best, report) => (shared(report) > shared(best) ? report : best));
}
