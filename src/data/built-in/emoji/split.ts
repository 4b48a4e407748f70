import { Random } from '../../../math/index.js';
import type { Example } from '../../dataset.js';
import { type Concept, captionsOf, concepts, wideConcepts } from './concepts.js';
import { Drawings, editions } from './editions.js';

/** What the built-in set consists of, before anything is rendered. */
export interface EmojiIndex {
  readonly classes: readonly { readonly name: string; readonly novel: boolean }[];
  readonly splits: Readonly<Record<string, readonly Example[]>>;
  /** Each example's drawing, by its id. */
  readonly svgs: Readonly<Record<string, string>>;
}

/** Editions that have to know a concept, of the nine that are trained on. */
const fewestEditions = 7;
const novelConcepts = 136;
const testDrawings = 3;

/**
 * Chooses concepts and deals their drawings: `train`, `val`, `test` (base concepts, artists seen in training), `style`
 * (base concepts by the artist kept out of training) and `novel` (concepts kept out of training, the other artists).
 * The choice is fixed: it depends on the packages alone.
 */
export function emojiIndex(): EmojiIndex {
  const sets = editions.map((edition) => new Drawings(edition));
  const svgs: Record<string, string> = {};
  const candidates = withoutRepeats(concepts(), sets)
    .filter(({ drawn }) => new Set(drawn.filter((d) => !d.unseen).map((d) => d.edition)).size >= fewestEditions)
    .sort((a, b) => a.concept.hexcode.localeCompare(b.concept.hexcode, 'en'));
  const unseenEditions = editions.filter((edition) => edition.unseen).length;
  // Base concepts have all drawings of the unseen artist; the rest of the novel ones are drawn by lot.
  const complete = candidates.filter(({ drawn }) => drawn.filter((d) => d.unseen).length === unseenEditions);
  const lot = new Random('emoji', 'novel').shuffle(complete);
  const base = new Set(lot.slice(Math.max(0, novelConcepts - (candidates.length - complete.length))));

  const splits: Record<string, Example[]> = { train: [], val: [], test: [], style: [], novel: [] };
  for (const [label, candidate] of candidates.entries()) {
    const { concept, drawn } = candidate;
    const captions = captionsOf(concept);
    const example = ({ edition, icon, artist, svg }: Drawn): Example => {
      const id = `${edition}/${icon}`;
      svgs[id] = svg;
      return { id, label, captions, artist };
    };
    const seen = drawn.filter((d) => !d.unseen);
    if (!base.has(candidate)) {
      splits.novel!.push(...seen.map(example));
      continue;
    }
    const dealt = new Random('emoji', 'deal', concept.hexcode).shuffle(seen).map(example);
    const val = testDrawings + (label % 2);
    splits.test!.push(...dealt.slice(0, testDrawings));
    splits.val!.push(...dealt.slice(testDrawings, val));
    splits.train!.push(...dealt.slice(val));
    splits.style!.push(...drawn.filter((d) => d.unseen).map(example));
  }
  const classes = candidates.map((candidate) => ({ name: candidate.concept.name, novel: !base.has(candidate) }));
  return { classes, splits, svgs };
}

/**
 * What a teacher may be trained on: `train` is that of {@link emojiIndex} and, without a label, all other concepts'
 * drawings by the same artists; `val` is that of {@link emojiIndex}. No drawing of a novel concept is among them, nor
 * one of a concept that shares its name with one (`dog`, where `dog face` is novel).
 */
export function wideEmojiIndex(): EmojiIndex {
  const { classes, splits, svgs } = emojiIndex();
  const known = new Set(classes.map(({ name }) => name));
  const novel = classes.filter((c) => c.novel).map(({ name }) => wordsOf(name));
  const sharesName = (name: string) => {
    const words = wordsOf(name);
    return novel.some((other) => isSubset(words, other) || isSubset(other, words));
  };
  const used = new Set(Object.values(svgs));
  const own = Object.fromEntries([...splits.train!, ...splits.val!].map(({ id }) => [id, svgs[id]!]));
  const train = [...splits.train!];
  const sets = editions.filter(({ unseen }) => !unseen).map((edition) => new Drawings(edition));
  for (const { concept, drawn } of withoutRepeats(wideConcepts(), sets)) {
    if (known.has(concept.name) || sharesName(concept.name)) continue;
    const captions = captionsOf(concept);
    for (const { edition, icon, artist, svg } of drawn) {
      const id = `${edition}/${icon}`;
      if (used.has(svg) || own[id] !== undefined) continue;
      own[id] = svg;
      train.push({ id, captions, artist });
    }
  }
  return { classes, splits: { train, val: splits.val! }, svgs: own };
}

const wordsOf = (name: string) => new Set(name.toLowerCase().match(/[\p{L}\d]+/gu));
const isSubset = (some: ReadonlySet<string>, all: ReadonlySet<string>) => [...some].every((word) => all.has(word));

interface Drawn {
  readonly edition: string;
  readonly icon: string;
  readonly svg: string;
  readonly artist: string;
  readonly unseen: boolean;
}

/** Each concept with its drawings; a drawing that an edition uses for two concepts counts for the first alone. */
function withoutRepeats(all: readonly Concept[], sets: readonly Drawings[]): { concept: Concept; drawn: Drawn[] }[] {
  const used = new Set<string>();
  return all.map((concept) => ({
    concept,
    drawn: sets.flatMap((set) =>
      set.find(concept.slug).flatMap((icon) => {
        const { name: edition, artist, unseen = false } = set.edition;
        const svg = set.svg(icon);
        if (used.has(svg)) return [];
        used.add(svg);
        return [{ edition, icon, svg, artist, unseen }];
      }),
    ),
  }));
}
