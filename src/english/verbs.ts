/** Past participles that no rule makes. */
const participles: Readonly<Record<string, string>> = {
  bite: 'bitten',
  blow: 'blown',
  break: 'broken',
  build: 'built',
  buy: 'bought',
  catch: 'caught',
  cut: 'cut',
  draw: 'drawn',
  drink: 'drunk',
  drive: 'driven',
  eat: 'eaten',
  feed: 'fed',
  find: 'found',
  fly: 'flown',
  give: 'given',
  hit: 'hit',
  hold: 'held',
  keep: 'kept',
  lead: 'led',
  make: 'made',
  read: 'read',
  ride: 'ridden',
  see: 'seen',
  shoot: 'shot',
  steal: 'stolen',
  sweep: 'swept',
  take: 'taken',
  throw: 'thrown',
  wear: 'worn',
  write: 'written',
};

/** `run` → `running`, `make` → `making`, `play` → `playing`. */
export function gerundOf(verb: string): string {
  if (/ie$/.test(verb)) return `${verb.slice(0, -2)}ying`;
  if (/[^eoy]e$/.test(verb)) return `${verb.slice(0, -1)}ing`;
  return `${doubled(verb)}ing`;
}

/** `chase` → `chased`, `hold` → `held`, `carry` → `carried`. */
export function participleOf(verb: string): string {
  const irregular = participles[verb];
  if (irregular) return irregular;
  if (verb.endsWith('e')) return `${verb}d`;
  if (/[^aeiou]y$/.test(verb)) return `${verb.slice(0, -1)}ied`;
  return `${doubled(verb)}ed`;
}

/** The last consonant twice after one short vowel in a word of one syllable: `run`, `hug`; not `eat`, `open`. */
const doubled = (verb: string) => (/^[^aeiou]*[aeiou][bdgklmnprt]$/.test(verb) ? verb + verb.at(-1) : verb);

/** Verbs whose gerund a word may be: `making` → `make`. */
export function verbsOfGerund(word: string): string[] {
  const stem = word.toLowerCase().replace(/ing$/, '');
  if (stem === word.toLowerCase() || stem.length < 2) return [];
  const guesses = [stem, `${stem}e`, stem.slice(0, -1), stem.replace(/y$/, 'ie')];
  return [...new Set(guesses)].filter((verb) => gerundOf(verb) === word.toLowerCase());
}
