import type { FindingSet, ReportFinding } from './finding-set.js';
import { sentencesOf } from './sentences.js';

/** What a text says of a finding. */
export type Said = 'present' | 'absent' | 'uncertain';
/** By the finding's name; what a text does not speak of is left out. */
export type Labels = ReadonlyMap<string, Said>;

/** "No" that denies nothing: it is taken out before cues are looked for. */
const pseudo =
  /\bno (significant |interval |appreciable |relevant )*(change|increase|decrease|further)\w*\b|\bwithout (significant |interval )*change\w*\b|\bnot (only|necessarily)\b/g;
/** Cues that deny what follows them in their clause (NegEx, Chapman et al. 2001). */
const denying =
  /\b(no|not|without|free of|absence of|absent|negative for|neither|nor|never|denies|denied|clear of|rather than|resolution of|removal of|removed|exclude[sd]?|cannot see|fails? to (show|reveal))\b/;
/** Cues that deny what stands before them in their clause. */
const denied =
  /\b((is|are|was|were|has been|have been|been) (not|no longer|absent|excluded|ruled out|removed)|not (seen|identified|present|visualized|visualised|evident|enlarged|demonstrated)|absent|unremarkable|normal|within normal limits|resolved|ruled out|not widened)\b/;
const doubtful =
  /\b(may|might|could|possibl[ey]|probabl[ey]|likely|suspect\w*|suspicious for|suggest\w*|concern(ing)? for|question(able)?|cannot (be )?exclude[d]?|not excluded|versus|vs|borderline|differential|presumed|equivocal|if clinically)\b/;
/** Where a negation ends within a sentence. */
const boundary =
  /\s*(?:;|:|\bbut\b|\bhowever\b|\balthough\b|\bthough\b|\bexcept\b|\bapart from\b|\bwhich\b|\bwith the exception of\b|\band (?=there (?:is|are)\b)|, (?=(?:and )?(?:there|the|a|an)\b(?! (?:or|nor))[^,;]*\b(?:is|are|was|were|has|remains?|appears?)\b))\s*/;

/**
 * What a report says of each finding, by keywords and cues: a mention is absent where a denying cue stands in its clause,
 * uncertain where a doubtful one does, otherwise present. Of several mentions present outweighs uncertain, and that absent.
 *
 * CheXpert's phrases, with windows as NegEx has them in the place of its dependency parser: figures made with it are keyword F1.
 *
 * @example
 * const labels = labelReport('No pleural effusion. The heart is enlarged.', findingSet('chexpert'));
 * console.log(labels.get('Pleural Effusion')); // absent
 */
export function labelReport(report: string, set: FindingSet): Labels {
  const labels = new Map<string, Said>();
  for (const sentence of sentencesOf(report)) {
    for (const [name, said] of labelSentence(sentence, set)) {
      const known = labels.get(name);
      if (known === undefined || rank[said] > rank[known]) labels.set(name, said);
    }
  }
  if (set.none !== undefined && !labels.has(set.none) && report.trim() !== '') {
    const devices = 'Support Devices';
    const pathological = [...labels].some(([name, said]) => name !== devices && said !== 'absent');
    const text = report.toLowerCase();
    const others = (set.other ?? []).some((phrase) =>
      sentencesOf(text).some((sentence) => saidOf(sentence, [phrase]) === 'present'),
    );
    labels.set(set.none, pathological || others ? 'absent' : 'present');
  }
  return labels;
}

const rank: Readonly<Record<Said, number>> = { absent: 0, uncertain: 1, present: 2 };

/** What one sentence says; a finding that it does not name is left out. */
export function labelSentence(sentence: string, set: FindingSet): Labels {
  const labels = new Map<string, Said>();
  for (const finding of set.findings) {
    const said = ofFinding(sentence.toLowerCase(), finding);
    if (said !== undefined) labels.set(finding.name, said);
  }
  return labels;
}

function ofFinding(sentence: string, { mentions, unlike = [], denials = [], place }: ReportFinding): Said | undefined {
  if (denials.some((phrase) => sentence.includes(phrase))) return 'absent';
  const text = unlike.reduce((rest, phrase) => rest.replaceAll(phrase, ' '), sentence);
  const said = saidOf(text, mentions);
  if (said === undefined || place === undefined) return said;
  const placed = /\b(right|left|upper|lower|bilateral|both)\b/.test(text);
  if (place.every((word) => new RegExp(`\\b${word}\\b`).test(text))) return said;
  if (said === 'absent') return placed ? undefined : 'absent';
  // It is somewhere: where is not said.
  return placed ? undefined : 'uncertain';
}

function saidOf(sentence: string, mentions: readonly string[]): Said | undefined {
  let found: Said | undefined;
  for (const clause of sentence.replace(pseudo, ' ').split(boundary)) {
    for (const phrase of mentions) {
      for (const at of placesOf(clause, phrase)) {
        const said = saidAt(clause, at, phrase.replaceAll('_', '').length);
        if (found === undefined || rank[said] > rank[found]) found = said;
      }
    }
  }
  return found;
}

const patterns = new Map<string, RegExp>();

function placesOf(clause: string, phrase: string): number[] {
  let pattern = patterns.get(phrase);
  if (!pattern) {
    const bare = phrase.replaceAll('_', '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    pattern = new RegExp(`\\b${bare}${phrase.endsWith('_') ? '\\b' : ''}`, 'g');
    patterns.set(phrase, pattern);
  }
  return [...clause.matchAll(pattern)].map(({ index }) => index);
}

function saidAt(clause: string, at: number, length: number): Said {
  const [before, after] = [clause.slice(0, at), clause.slice(at + length)];
  if (doubtful.test(clause)) return 'uncertain';
  const isDenied =
    denying.test(before) ||
    denied.test(after) ||
    // "normal heart size", "unremarkable cardiac silhouette"
    /\b(normal|unremarkable|stable normal)( \w+){0,2} $/.test(before);
  return isDenied ? 'absent' : 'present';
}
