const opposites: readonly (readonly [string, string])[] = [
  ['left of', 'right of'],
  ['above', 'below'],
  ['in front of', 'behind'],
];
const numberWords = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/**
 * A question with an answer in its place, as a statement that an image is compared with: the idea of TAP-C (Song et al., arXiv
 * 2203.07190), by rules in place of a language model.
 *
 *     is there a cat?  yes        → a cat            no → no cat
 *     how many cats?  2           → two cats
 *     what colour is the cat?  red → a red cat
 *     what is left of the cat?  dog → a dog left of a cat
 *     is the cat above the dog?  no → the cat below the dog
 *
 * What no rule knows becomes `question: … answer: …`.
 *
 * @example
 * console.log(statementOf('how many cats?', '2')); // two cats
 */
export function statementOf(question: string, answer: string): string {
  const asked = question
    .trim()
    .replace(/[?.!\s]+$/, '')
    .toLowerCase();
  const given = answer.toLowerCase();
  return (
    existence(asked, given) ??
    number(asked, given) ??
    colour(asked, given) ??
    thing(asked, given) ??
    relation(asked, given) ??
    comparison(asked, given) ??
    auxiliary(asked, given) ??
    `question: ${asked}? answer: ${given}`
  );
}

const isYesNo = (answer: string) => answer === 'yes' || answer === 'no';

function existence(asked: string, answer: string): string | undefined {
  const [, what] = /^(?:is|are) there (.+)$/.exec(asked) ?? [];
  if (what === undefined || !isYesNo(answer)) return undefined;
  return answer === 'yes' ? what : `no ${what.replace(/^(?:a|an|any|some) /, '')}`;
}

function number(asked: string, answer: string): string | undefined {
  const [, what] = /^how many (.+?)(?: (?:are|is) (?:there|in .*))?$/.exec(asked) ?? [];
  if (what === undefined) return undefined;
  return `${/^\d+$/.test(answer) ? (numberWords[Number(answer)] ?? answer) : answer} ${what}`;
}

function colour(asked: string, answer: string): string | undefined {
  const [, verb, what] = /^what colou?r (is|are) (?:the |this |that |his |her )?(.+)$/.exec(asked) ?? [];
  if (what === undefined) return undefined;
  return verb === 'is' ? `a ${answer} ${what}` : `${answer} ${what}`;
}

function thing(asked: string, answer: string): string | undefined {
  const words = opposites.flat().join('|');
  const [, where, what] = new RegExp(`^what (?:is|are) (${words}) the (.+)$`).exec(asked) ?? [];
  if (where !== undefined) return `a ${answer} ${where} a ${what}`;
  const [, rest] = /^(?:what|which|who) (?:is|are) (.+)$/.exec(asked) ?? [];
  return rest === undefined ? undefined : `${rest} ${answer}`;
}

function relation(asked: string, answer: string): string | undefined {
  if (!isYesNo(answer)) return undefined;
  for (const [there, back] of opposites.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])) {
    const [, left, right] = new RegExp(`^(?:is|are) (.+) ${there} (.+)$`).exec(asked) ?? [];
    if (left !== undefined) return `${left} ${answer === 'yes' ? there : back} ${right}`;
  }
  return undefined;
}

function comparison(asked: string, answer: string): string | undefined {
  if (!isYesNo(answer)) return undefined;
  const [, more, less] = /^(?:are there )?more (.+) than (.+)$/.exec(asked) ?? [];
  if (more !== undefined) return answer === 'yes' ? `many ${more} and few ${less}` : `few ${more} and many ${less}`;
  const [, a, b] = /^as many (.+) and (.+)$/.exec(asked) ?? [];
  if (a !== undefined) return answer === 'yes' ? `as many ${a} as ${b}` : `more of ${a} or of ${b}`;
  const [, c, d] = /^same colou?r (.+) and (.+)$/.exec(asked) ?? [];
  if (c === undefined) return undefined;
  return answer === 'yes' ? `${c} and ${d} of one colour` : `${c} and ${d} of two colours`;
}

/** `is the dog sitting`, `does the man wear a hat`: the statement, or its denial. */
function auxiliary(asked: string, answer: string): string | undefined {
  const [, rest] = /^(?:is|are|was|were|does|do|did|can|could|has|have|will) (.+)$/.exec(asked) ?? [];
  if (rest === undefined || !isYesNo(answer)) return undefined;
  return answer === 'yes' ? rest : `not ${rest}`;
}
