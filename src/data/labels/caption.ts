/** Most characters of a caption that are kept: the text towers read 77 tokens, and alt texts may run to pages. */
export const longestCaption = 1000;

/**
 * A caption as models read it: single spaces, no control characters, at most 1,000 characters, cut between words.
 * @returns an empty string where nothing is left
 */
export function cleanCaption(text: string): string {
  // Whoever brings megabytes of text as a caption need not wait for all of it to be cleaned.
  const plain = text
    .slice(0, 20 * longestCaption)
    .replace(/[\s\p{Cc}\uFEFF]+/gu, ' ')
    .trim();
  if (plain.length <= longestCaption) return plain;
  const space = plain.lastIndexOf(' ', longestCaption);
  return plain.slice(0, space > 0 ? space : longestCaption).replace(/[\uD800-\uDBFF]$/, '');
}

/** Most captions of an image that are kept: no data set has nearly as many, and each is read by the text tower. */
export const mostCaptions = 100;

/** Captions as models read them, each once. */
export const cleanCaptions = (texts: readonly string[]): string[] =>
  [...new Set(texts.map(cleanCaption))].filter((text) => text !== '');

/** Whether bytes that are no UTF-8 were read as text: decoders put U+FFFD in their place. */
export const isBrokenText = (text: string): boolean => text.includes('\uFFFD');

/** Why such a text is not used. */
export const brokenText = 'its text is not UTF-8; convert it, for example with iconv';
