import { isBetter, type Quality } from './scores.js';

/** A template as words around the class name. */
export interface WordTemplate {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Words that are one token each, and their embeddings. */
export interface Vocabulary {
  readonly words: readonly string[];
  /** [words, width] */
  readonly embeddings: Float32Array;
  readonly width: number;
}

export interface TokenSearchOptions {
  readonly rounds: number;
  /** Words a position that are scored. */
  readonly candidates: number;
  /** For each word of a template, the gradient of the loss by its embedding, summed over the class texts [width]. */
  readonly gradients: (template: WordTemplate) => Promise<readonly Float32Array[]>;
  /** How good templates are, in their order. */
  readonly score: (templates: readonly string[]) => Promise<readonly Quality[]>;
  readonly onRound?: (done: number, total: number) => void;
}

/**
 * A template's words around its class name, which then stands as it is: `a photo of [OBJ].` → a, photo, of, a | .
 *
 * @returns undefined where the class is named more than once, or not at all
 */
export function wordTemplate(text: string): WordTemplate | undefined {
  const singular = text.replace(/\[([^[\]|]+)\|[^[\]|]+\]/g, '$1');
  const open = singular.replace(
    /\[([^[\]]*?)(OBJS?|NAME|ACTION)\]/gi,
    (_, words: string, slot: string) => `${slot.toUpperCase() === 'OBJ' ? 'a ' : ''}${words}{}`,
  );
  const parts = open.split('{}');
  if (parts.length !== 2 || open.includes('[')) return undefined;
  const words = (part: string) => part.match(/[\p{L}\p{M}\p{N}'’-]+|[^\s\p{L}\p{M}\p{N}]+/gu) ?? [];
  return { before: words(parts[0]!), after: words(parts[1]!) };
}

/** The template's text; signs stand behind the word before them. */
export function templateText({ before, after }: WordTemplate): string {
  return [...before, '{}', ...after].join(' ').replace(/ ([.,!?;:]+)(?= |$)/g, '$1');
}

/**
 * Words of a template exchanged for better ones, guided by gradients (HotFlip, Ebrahimi et al., arXiv 1712.06751;
 * AutoPrompt, Shin et al., arXiv 2010.15980): to first order, word v in the place of word w changes the loss by
 * (e_v − e_w)ᵀ ∇; at every place the words that promise most are scored, and the best of all is taken where it is better.
 * It ends when none is, or after `rounds`. A template without words begins with "the".
 *
 * @returns the template, and every other one that was scored
 */
export async function tokenSearch(
  start: WordTemplate,
  { words, embeddings, width }: Vocabulary,
  { rounds, candidates, gradients, score, onRound }: TokenSearchOptions,
): Promise<{ readonly template: string; readonly scored: readonly string[] }> {
  let best = start.before.length + start.after.length > 0 ? start : { before: ['the'], after: [] };
  let [quality] = await score([templateText(best)]);
  const scored = new Set([templateText(best)]);
  for (let round = 0; round < rounds; round++) {
    const variants: WordTemplate[] = [];
    for (const [place, gradient] of (await gradients(best)).entries()) {
      const promise = words.map((_, v) => {
        let product = 0;
        for (let k = 0; k < width; k++) product -= embeddings[v * width + k]! * gradient[k]!;
        return product;
      });
      const order = [...words.keys()].sort((a, b) => promise[b]! - promise[a]!).slice(0, candidates);
      variants.push(...order.map((v) => exchanged(best, place, words[v]!)));
    }
    const fresh = variants.filter((variant) => !scored.has(templateText(variant)));
    const qualities = await score(fresh.map(templateText));
    for (const variant of fresh) scored.add(templateText(variant));
    let better: WordTemplate | undefined;
    for (const [i, own] of qualities.entries()) {
      if (isBetter(own, quality!)) [better, quality] = [fresh[i], own];
    }
    onRound?.(round + 1, rounds);
    if (!better) break;
    best = better;
  }
  return { template: templateText(best), scored: [...scored] };
}

function exchanged({ before, after }: WordTemplate, place: number, word: string): WordTemplate {
  const all = [...before, ...after].with(place, word);
  return { before: all.slice(0, before.length), after: all.slice(before.length) };
}
