import { UserError } from '../errors.js';
import type { Rows } from '../math/index.js';
import { product } from '../runtime/index.js';
import { type EmbeddedRecord, keyOf } from './columns.js';
import { type EmbedManifest, readEmbedManifest } from './manifest.js';
import { countRecords, partsOf, readImageRows, readRecords } from './parts.js';

/** An image that was found. */
export interface SearchHit extends EmbeddedRecord {
  /** Cosine of its embedding and the query's. */
  readonly score: number;
}

interface IndexPart {
  readonly stem: string;
  readonly rows: Rows;
  records?: Promise<EmbeddedRecord[]>;
}

/** An image twice in a store is shown once; so many more are looked at to fill its place. */
const spare = 16;

/**
 * Exact search in a folder that `embedDataset` filled: all cosines, by the engine's matrix product, so that nothing is
 * missed and what is added needs no training of an index. The embeddings stand in memory as 32-bit numbers.
 */
export class SearchIndex {
  private readonly parts: IndexPart[] = [];

  private constructor(
    readonly folder: string,
    readonly manifest: EmbedManifest,
  ) {}

  /** @throws UserError where the folder holds no embeddings, or damaged ones */
  static async open(folder: string): Promise<SearchIndex> {
    const manifest = await readEmbedManifest(folder);
    if (!manifest) {
      throw new UserError(`${folder}: expected embeddings, found none: make them with promptkd embed`);
    }
    const index = new SearchIndex(folder, manifest);
    await index.refresh();
    return index;
  }

  /** Images in it. */
  get count(): number {
    return this.parts.reduce((sum, { rows }) => sum + rows.count, 0);
  }

  /** Reads what was embedded since, and leaves out what was taken away. @throws UserError for a damaged file */
  async refresh(): Promise<void> {
    const stems = await partsOf(this.folder);
    const there = this.parts.filter(({ stem }) => stems.includes(stem));
    this.parts.splice(0, this.parts.length, ...there);
    const known = new Set(there.map(({ stem }) => stem));
    const { width } = this.manifest;
    for (const stem of stems) {
      if (known.has(stem)) continue;
      const count = await countRecords(this.folder, stem);
      const data = await readImageRows(this.folder, stem, this.manifest, count);
      this.parts.push({ stem, rows: { data, count, width } });
    }
  }

  /**
   * The nearest images of each query, the nearest first.
   *
   * @param queries unit rows, of images or texts
   * @throws UserError where they are of another width
   */
  async nearest(queries: Rows, top: number): Promise<SearchHit[][]> {
    const { width } = this.manifest;
    if (queries.width !== width) {
      throw new UserError(`${this.folder}: holds embeddings of ${width} numbers, the query has ${queries.width}`);
    }
    const best = Array.from({ length: queries.count }, () => new Best(top + spare));
    const q = { shape: [queries.count, width], data: queries.data };
    for (const part of this.parts) {
      const { data, count } = part.rows;
      const scores = (await product(q, { shape: [count, width], data }, { transposeB: true })).data; // [queries, count]
      for (const [i, own] of best.entries()) own.take(part, scores.subarray(i * count, (i + 1) * count));
    }
    return Promise.all(best.map(({ found }) => this.hits(found, top)));
  }

  private async hits(found: readonly Found[], top: number): Promise<SearchHit[]> {
    const hits: SearchHit[] = [];
    const seen = new Set<string>();
    for (const { part, row, score } of found) {
      if (hits.length === top) break;
      part.records ??= readRecords(this.folder, part.stem);
      const record = (await part.records)[row];
      if (!record) {
        throw new UserError(
          `${this.folder}: part ${part.stem}: its metadata holds fewer images than it says: delete this part and embed again`,
        );
      }
      if (seen.has(keyOf(record))) continue;
      seen.add(keyOf(record));
      hits.push({ ...record, score });
    }
    return hits;
  }
}

interface Found {
  readonly part: IndexPart;
  readonly row: number;
  readonly score: number;
}

/** The largest of many scores, in falling order; of equal ones those that came first. */
class Best {
  readonly found: Found[] = [];

  constructor(private readonly most: number) {}

  take(part: IndexPart, scores: Float32Array): void {
    const { found, most } = this;
    let least = found.length < most ? Number.NEGATIVE_INFINITY : found[most - 1]!.score;
    for (let row = 0; row < scores.length; row++) {
      const score = scores[row]!;
      if (!(score > least)) continue;
      let at = found.length;
      while (at > 0 && found[at - 1]!.score < score) at--;
      found.splice(at, 0, { part, row, score });
      if (found.length > most) found.pop();
      if (found.length === most) least = found[most - 1]!.score;
    }
  }
}
