import { mendArticles, participleOf, verbsOfGerund } from '../../english/index.js';
import type { Random } from '../../math/index.js';
import { mainSense, type ReplaceOptions, replaceWords, usualWords } from './synonyms.js';
import { WordNet } from './wordnet.js';
import type { Tagged } from './words.js';

/** Another way to say a text, or undefined where the rule does not fit it. */
type Rule = (text: string, random: Random, keep: readonly string[]) => string | undefined;

const phrase = '(?:a|an|the|one|two|three|four|some|my|their)\\b[^,.;]*?';
const place = '(?:on|in|near|under|behind|beside|inside|at)';
const medium = 'photo|photograph|picture|image|drawing|sketch|painting|cartoon|illustration|icon|snapshot|doodle';

/** A text's last mark stands apart from it: it stays the last. */
function inside(text: string, change: (body: string) => string | undefined): string | undefined {
  const [, body = '', mark = ''] = /^(.*?)([.!]?)$/s.exec(text) ?? [];
  const changed = change(body);
  return changed === undefined ? undefined : changed + mark;
}

/** `a photo of a cat` → `a cat in a photo`, `a photo that shows a cat`. */
const depict: Rule = (text, random) =>
  inside(text, (body) => {
    const [, opening, subject] =
      new RegExp(`^((?:a|an|the) (?:\\S+ ){0,2}?(?:${medium})) of (.+)$`, 'i').exec(body) ?? [];
    if (!opening || !subject) return undefined;
    const low = opening.charAt(0).toLowerCase() + opening.slice(1);
    const moved = sameCase(`${subject}, shown in ${low}`, body);
    return random.pick([moved, `${opening} that shows ${subject}`, `${opening} showing ${subject}`]);
  });

/** `a cat on a mat` → `on a mat, a cat`. */
const frontPlace: Rule = (text) =>
  inside(text, (body) => {
    const [, rest, where] = new RegExp(`^(${phrase}) (${place} ${phrase})$`, 'i').exec(body) ?? [];
    // Inside a picture or between relations the place would change its owner.
    if (!rest || !where || new RegExp(` (?:of|${place}) `, 'i').test(`${rest} `) || / (?:of|and) /.test(where))
      return undefined;
    return sameCase(`${where}, ${rest.charAt(0).toLowerCase()}${rest.slice(1)}`, body);
  });

const opposites: readonly (readonly [string, string])[] = [
  ['left of', 'right of'],
  ['to the left of', 'to the right of'],
  ['above', 'below'],
  ['over', 'under'],
  ['in front of', 'behind'],
];

/** `a cat left of a dog` → `a dog right of a cat`; a place at the end stays there. */
const invertRelation: Rule = (text) =>
  inside(text, (body) => {
    for (const [a, b] of [...opposites, ...opposites.map(([x, y]) => [y, x] as const)]) {
      const [, first, second, where = ''] =
        new RegExp(`^(${phrase}) ${a} (${phrase})((?: on| in| against) .+)?$`, 'i').exec(body) ?? [];
      if (!first || !second || / of$/.test(first) || / to the$/.test(first)) continue;
      return sameCase(`${second} ${b} ${first.charAt(0).toLowerCase()}${first.slice(1)}${where}`, body);
    }
    return undefined;
  });

/** `a dog chasing a cat` → `a cat being chased by a dog`; `a dog is chasing a cat` → `a cat is being chased by a dog`. */
const passive: Rule = (text) =>
  inside(text, (body) => {
    const [, agent, is = '', gerund, object] =
      new RegExp(`^(${phrase})( is| are)? (\\w+ing) (${phrase})$`, 'i').exec(body) ?? [];
    const [verb] = gerund ? knownVerbs(gerund) : [];
    if (!agent || !object || !verb || new RegExp(` (?:${place}|of|with|and) `).test(`${agent} ${object} `))
      return undefined;
    const many = /^(?:two|three|four|some)\b/i.test(object);
    const auxiliary = is ? (many ? ' are' : ' is') : '';
    return sameCase(
      `${object}${auxiliary} being ${participleOf(verb)} by ${agent.charAt(0).toLowerCase()}${agent.slice(1)}`,
      body,
    );
  });

const knownVerbs = (gerund: string) =>
  verbsOfGerund(gerund).filter((verb) =>
    WordNet.open()
      .senses(verb)
      .some(({ pos }) => pos === 'verb'),
  );

/** The first `a` or `an` as `one` or `the`. */
const determiner: Rule = (text, random) => {
  const found = new RegExp(`\\b(a|an) (?!(?:\\S+ ){0,2}(?:${medium})\\b|lot |few |group |pair )(?=[a-z])`, 'i').exec(
    text,
  );
  if (!found) return undefined;
  const other = random.pick(['one', 'the']);
  const capital = /^A/.test(found[1]!);
  return (
    text.slice(0, found.index) +
    (capital ? other.charAt(0).toUpperCase() + other.slice(1) : other) +
    text.slice(found.index + found[1]!.length)
  );
};

/** A noun by the more general one: `a dog and a spoon` → `a dog and a cutlery`; neither kept words nor very general ones. */
const generalise: Rule = (text, random, keep) => {
  const changed = replaceWords(text, random, 0.5, keep, hypernymsOf);
  return changed === text ? undefined : changed;
};

/** Hypernyms that still say something: at least six steps below the most general. */
function hypernymsOf({ lemma, pos }: Tagged, net: WordNet): string[] {
  const sense = pos === 'noun' ? mainSense(lemma, pos, net) : undefined;
  if (!sense) return [];
  const above = net.synset(sense).hypernyms.filter((offset) => depth(offset, net) >= 6);
  return above.flatMap((offset) => usualWords(net, 'noun', offset));
}

function depth(offset: number, net: WordNet): number {
  const [above] = net.synset({ pos: 'noun', offset }).hypernyms;
  return above === undefined ? 0 : 1 + depth(above, net);
}

const rules: readonly Rule[] = [depict, frontPlace, invertRelation, passive, determiner, generalise];

/** A small letter at the start where the other text has one, a capital where it has that. */
function sameCase(text: string, model: string): string {
  const first = text.charAt(0);
  return (/^\p{Lu}/u.test(model) ? first.toUpperCase() : first) + text.slice(1);
}

/**
 * Says a text another way by one rule that fits it, drawn at random: what a picture shows, word order, relation, active
 * and passive, determiners, more general words. The text itself where none fits. It depends on text, `keep` and the
 * random stream's key alone.
 */
export function paraphrase(text: string, random: Random, { keep = [] }: Pick<ReplaceOptions, 'keep'> = {}): string {
  for (const rule of random.shuffle(rules)) {
    const changed = rule(text, random, keep);
    // A text that had its own way with a and an keeps it.
    if (changed !== undefined) return mendArticles(text) === text ? mendArticles(changed) : changed;
  }
  return text;
}
