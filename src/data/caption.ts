/** Most characters of a caption that are kept: the text towers read 77 tokens, and alt texts may run to pages. */
export const longestCaption = 1000;

/**
 * A caption as models read it: single spaces, no control characters, at most 1,000 characters, cut between words.
 * @returns an empty string where nothing is left
 */
export function cleanCaption(text: string): string {
  const plain = text.replace(/[\s\p{Cc}\uFEFF]+/gu, ' ').trim();
  if (plain.length <= longestCaption) return plain;
  const space = plain.lastIndexOf(' ', longestCaption);
  return plain.slice(0, space > 0 ? space : longestCaption).replace(/[\uD800-\uDBFF]$/, '');
}

/** Whether bytes that are no UTF-8 were read as text: decoders put U+FFFD in their place. */
export const isBrokenText = (text: string): boolean => text.includes('\uFFFD');

/** Why such a text is not used. */
export const brokenText = 'its text is not UTF-8; convert it, for example with iconv';
