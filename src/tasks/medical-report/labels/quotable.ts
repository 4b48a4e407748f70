import { sentencesOf } from './sentences.js';

/** References to earlier images: a draft of one study has none to compare with (Ramesh et al. 2022, CXR-PRO). */
const prior =
  /\b(unchanged|stable|stability|again|previous(ly)?|prior|priors|compar\w+|interval|since|new|newly|worse\w*|improv\w+|increas\w+|decreas\w+|persist\w*|redemonstrat\w*|earlier|former|last|no longer|resol\w+|now|progress\w*|evolv\w*|remains?|recent|follow ?up|change[sd]?)\b/i;
/** What was taken out of a report for privacy, and what should have been: names, dates, times, telephone notes. */
const personal =
  /_{2,}|\bX{4,}\b|\b(dr|doctor|mr|mrs|ms|prof)\b\.?|\b\d{1,4}[/-]\d{1,2}([/-]\d{1,4})?\b|\b\d{1,2}:\d{2}\b|\b(19|20)\d{2}\b|\b(january|february|march|april|june|july|august|september|october|november|december)\b|\b(telephone\w*|phone[d]?|paged|discussed with|notified|communicated|dictated|electronically|signed)\b|\d{4,}|@/i;
const wordy = 60;

/** Whether a sentence may stand in a draft of another study: nothing of earlier images, of people, dates or times. */
export const isQuotable = (sentence: string): boolean =>
  !prior.test(sentence) && !personal.test(sentence) && sentence.split(/\s+/).length <= wordy;

/** A report without the sentences that may not stand in another's. */
export const quotable = (report: string): string[] => sentencesOf(report).filter(isQuotable);
