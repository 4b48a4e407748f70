import type { Feed } from '../../runtime/index.js';
import { elements } from '../../tensor/index.js';
import type { TargetLayout } from './target-layout.js';

/**
 * The inputs of a program that take a teacher's stored layers and maps, row by row: `target/hidden.L` [rows, T, D] and
 * `target/attention.L` [rows, T, T] of layer L.
 */
export class LayerFeeds {
  readonly feeds: Record<string, Feed> = {};

  /**
   * @param prefix of their names: `target/` for the only teacher or the first, `target/k.` for another
   * @param halves whether a program takes binary16 where it is stored so
   */
  constructor(
    private readonly layout: TargetLayout,
    private readonly prefix: string,
    rows: number,
    halves: boolean,
  ) {
    const { tokens, width, hidden, attention } = layout.contents;
    const zeros = (...shape: number[]) =>
      halves && layout.keepsHalves
        ? { shape, data: new Uint16Array(elements(shape)) }
        : { shape, data: new Float32Array(elements(shape)) };
    for (const l of hidden) this.feeds[`${prefix}hidden.${l}`] = zeros(rows, tokens, width);
    for (const l of attention) this.feeds[`${prefix}attention.${l}`] = zeros(rows, tokens, tokens);
  }

  /** Reads a record of the store into a row of those inputs that are wanted. */
  fill(record: Uint8Array, row: number, wanted: ReadonlySet<string>): void {
    const { hidden, attention } = this.layout.contents;
    const into = (name: string) =>
      wanted.has(name) ? (this.feeds[name]!.data as Float32Array | Uint16Array) : undefined;
    for (const l of hidden) {
      const out = into(`${this.prefix}hidden.${l}`);
      if (out) this.layout.readHidden(record, l, out, row * this.layout.hiddenSize);
    }
    for (const l of attention) {
      const out = into(`${this.prefix}attention.${l}`);
      if (out) this.layout.readAttention(record, l, out, row * this.layout.mapSize);
    }
  }
}
