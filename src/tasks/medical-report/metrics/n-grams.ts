/** Tokens as pycocoevalcap's scorers split them: at white space. */
export const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** How often every n-gram of 1 … `most` words stands in a text; the words of one are joined by spaces. */
export function nGrams(words: readonly string[], most: number): Map<string, number>[] {
  return Array.from({ length: most }, (_, i) => {
    const counts = new Map<string, number>();
    for (let from = 0; from + i < words.length; from++) {
      const gram = words.slice(from, from + i + 1).join(' ');
      counts.set(gram, (counts.get(gram) ?? 0) + 1);
    }
    return counts;
  });
}
