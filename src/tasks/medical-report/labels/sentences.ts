/**
 * The sentences of a report, enumeration and white space seen to. A full stop ends one where white space follows, so that "1.5 cm"
 * stays whole.
 */
export function sentencesOf(report: string): string[] {
  return report
    .replace(/\s+/g, ' ')
    .replace(/(^|[\s.])\d{1,2}\.\s+(?=[A-Za-z])/g, '$1')
    .split(/(?<=[.!?])\s+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => /[a-z]/i.test(sentence));
}

/**
 * A report as text metrics read it, as R2Gen cleans IU X-Ray: small letters, no punctuation, " . " after each sentence. How
 * reports are cleaned moves the figures by points: they compare with others of the same cleaning alone.
 */
export function metricText(report: string): string {
  return sentencesOf(report.toLowerCase())
    .map((sentence) =>
      sentence
        .replace(/[.,?;*!%^&_+():\-[\]{}"'\\/]/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((sentence) => sentence !== '')
    .map((sentence) => `${sentence} .`)
    .join(' ');
}
