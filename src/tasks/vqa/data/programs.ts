import { indefinite, type Noun, pluralOf } from '../../../english/index.js';
import type { Random } from '../../../math/index.js';

/** Things of one kind and one colour in a scene, as a program sees them. */
export interface Kind {
  readonly name: string;
  /** Left out: the drawing's own colours. */
  readonly colour?: string;
  readonly count: number;
}

/** What a scene shows: one kind, or two of which the first stands left of, or above, the second. */
export interface SceneFacts {
  readonly kinds: readonly Kind[];
  readonly relation: 'left of' | 'above';
}

/** What questions are made of beside the scene itself. */
export interface Words {
  /** Names of things. */
  readonly names: readonly string[];
  readonly colours: readonly string[];
}

/** The skills that are asked for; `query` is a relation whose answer is a thing. */
export const skills = ['count', 'colour', 'exist', 'left of', 'above', 'same', 'compare', 'query'] as const;
export type Skill = (typeof skills)[number];

/** A question that a program made, with its one right answer. */
export interface Made {
  readonly skill: Skill;
  /** Questions of one form have their answers balanced against one another. */
  readonly form: string;
  readonly question: string;
  readonly answer: string;
  /** Colour and thing that it asks about. */
  readonly pair?: readonly [colour: string, name: string];
}

/** All can be counted, also a volleyball. */
const noun = (name: string): Noun => ({ name, kind: 'singular' });
const plural = (name: string) => pluralOf(noun(name));
const named = ({ name, count }: Kind) => (count > 1 ? plural(name) : name);
const is = ({ count }: Kind) => (count > 1 ? 'are' : 'is');
const yesNo = (yes: boolean) => (yes ? 'yes' : 'no');

/** The questions of one scene; what is asked of several possibilities is drawn by lot. */
export function questionsOf(scene: SceneFacts, words: Words, random: Random): Made[] {
  const { kinds } = scene;
  const shown = new Set(kinds.map(({ name }) => name));
  const others = words.names.filter((name) => !shown.has(name));
  return [
    ...counts(kinds, random.pick(others)),
    ...colours(kinds),
    existence(kinds, random.pick(others), words, random),
    ...(kinds.length === 2 ? ofTwo(scene, random) : []),
  ];
}

function counts(kinds: readonly Kind[], absent: string): Made[] {
  const total = kinds.reduce((sum, { count }) => sum + count, 0);
  const ask = (form: string, name: string, count: number): Made => ({
    ...{ skill: 'count', form, question: `how many ${name}?`, answer: String(count) },
  });
  return [
    ...kinds.map(({ name, count }) => ask('how many of a kind', plural(name), count)),
    ask('how many of a kind', plural(absent), 0),
    ask('how many things', 'things', total),
  ];
}

function colours(kinds: readonly Kind[]): Made[] {
  return kinds.flatMap((kind): Made[] => {
    const { colour, name } = kind;
    if (colour === undefined) return [];
    const question = `what colour ${is(kind)} the ${named(kind)}?`;
    return [{ skill: 'colour', form: 'what colour', question, answer: colour, pair: [colour, name] }];
  });
}

/** Half of the coloured ones are asked for in another colour, half of the others with another thing. */
function existence(kinds: readonly Kind[], absent: string, { colours }: Words, random: Random): Made {
  const { name, colour } = random.pick(kinds);
  const yes = random.float() < 0.5;
  if (colour === undefined) {
    const question = `is there ${indefinite(noun(yes ? name : absent))}?`;
    return { skill: 'exist', form: 'is there a thing', question, answer: yesNo(yes) };
  }
  const asked = yes ? colour : random.pick(colours.filter((one) => one !== colour));
  const question = `is there ${indefinite(noun(name), asked)}?`;
  return { skill: 'exist', form: 'is there a coloured thing', question, answer: yesNo(yes), pair: [colour, name] };
}

function ofTwo({ kinds, relation }: SceneFacts, random: Random): Made[] {
  const [first, second] = kinds as [Kind, Kind];
  const back = relation === 'left of' ? 'right of' : 'below';
  // Either way round, by either word, and true in half of the cases.
  const [a, b] = random.float() < 0.5 ? [first, second] : [second, first];
  const word = random.float() < 0.5 ? relation : back;
  const holds = (a === first) === (word === relation);
  const made: Made[] = [
    {
      ...{ skill: relation, form: relation, answer: yesNo(holds) },
      question: `${is(a)} the ${named(a)} ${word} the ${named(b)}?`,
    },
  ];
  const [asked, found] = random.float() < 0.5 ? [first, second] : [second, first];
  made.push({
    ...{ skill: 'query', form: 'what', answer: found.name },
    question: `what is ${found === first ? relation : back} the ${named(asked)}?`,
  });
  const equal = first.count === second.count;
  const many = `${plural(a.name)} and ${plural(b.name)}`;
  made.push({ skill: 'same', form: 'same number', question: `as many ${many}?`, answer: yesNo(equal) });
  if (first.colour !== undefined && second.colour !== undefined) {
    const question = `same colour ${named(a)} and ${named(b)}?`;
    made.push({ skill: 'same', form: 'same colour', question, answer: yesNo(first.colour === second.colour) });
  }
  if (!equal) {
    const question = `more ${plural(a.name)} than ${plural(b.name)}?`;
    made.push({ skill: 'compare', form: 'more', question, answer: yesNo(a.count > b.count) });
  }
  return made;
}
