import { normalizePixels, type PreprocessConfig } from '../../clip/index.js';
import type { Example } from '../../data/index.js';
import { type Group, gatherRows, imageSlice, type Slice } from '../../group/index.js';
import { EpochOrder } from '../../loader/index.js';
import { gatherHostRows, Random, selectRows, toUnitRows } from '../../math/index.js';
import { BatchShare, ownOf, rowsOf, type TensorTree } from '../../nn/index.js';
import type { Feed } from '../../runtime/index.js';
import { cast, dtypeOf, elements, input } from '../../tensor/index.js';
import { gatherSlots } from '../losses/word-alignment.js';
import { LayerFeeds } from '../targets/layer-feeds.js';
import type { TargetStore } from '../targets/target-store.js';
import type { SeveralTargets } from '../teachers/several-targets.js';
import { gatherWords, type TextBank } from './text-bank.js';

export interface BatchOptions {
  seed: number;
  /** Drawings a step, B, of all processes together. */
  batch: number;
  /** The processes that train together, each with its share of the images and texts. */
  group?: Group;
  views: number;
  classesPerStep: number;
  teacherTopK: number;
  captions: boolean;
  /** How often each template of a class is drawn, in proportion; without them all alike. */
  weights?: readonly number[];
  /** Feed the teacher's features and maps in fp16, as they are stored: for devices that read it, which do so faster. */
  halves?: boolean;
}

/**
 * What a step's program is fed beside parameters. N = captions (B or 0) + classes; the captions come first. Of several processes
 * each is fed its own images and texts, and the teacher's embeddings of all.
 */
export type BatchFeeds = Record<string, Feed>;

/**
 * The batches of a run: which drawings, views and texts step n sees, and the teacher's targets for them.
 *
 * A step depends on the seed and its number alone, so every method sees the same drawings at the same step, and a
 * resumed run what an uninterrupted one sees. No label is used: classes are chosen by the teacher's own answers.
 */
export class Batches {
  /** Class texts a step. */
  readonly classCount: number;
  /** Texts a step, N. */
  readonly textCount: number;
  /** Captions among them: B, or 0. */
  readonly captions: number;
  /** Which images are this process's own. */
  readonly share: BatchShare;
  /** Which of the texts are: of the captions, where there are any, those of its images; and a part of the classes. */
  readonly textBlocks: readonly Slice[];
  readonly feeds: BatchFeeds;
  private readonly layers: LayerFeeds;
  private readonly records: Uint8Array[];
  private readonly classFeatures: Float32Array; // [classes, P], unit length
  private readonly order: EpochOrder;
  /** The teacher's nearest classes of each record that was drawn already: epochs go round the same views. */
  private readonly nearest = new Map<number, readonly number[]>();
  private several: SeveralTargets | undefined;

  /** @throws UserError where a batch has fewer images than there are processes */
  constructor(
    readonly store: TargetStore,
    readonly bank: TextBank,
    private readonly examples: readonly Example[],
    private readonly preprocess: PreprocessConfig,
    private readonly options: BatchOptions,
  ) {
    const { batch, seed, group } = options;
    const own = imageSlice('batch', batch, group).count;
    this.share = new BatchShare(batch, group);
    this.order = new EpochOrder(examples.length, seed);
    const { size, embed } = store.layout.contents;
    this.classCount = Math.min(options.classesPerStep, bank.classes.length);
    this.captions = options.captions ? batch : 0;
    this.textCount = this.captions + this.classCount;
    this.textBlocks = [...(options.captions ? [this.share.images] : []), this.share.slice(this.classCount)];
    const bytes = store.layout.bytes;
    const memory = new Uint8Array(own * bytes);
    this.records = Array.from({ length: own }, (_, i) => memory.subarray(i * bytes, (i + 1) * bytes));
    const classes = { data: bank.embeds, count: bank.texts.length, width: embed };
    const first = bank.classes.map((texts) => texts[0]!);
    this.classFeatures = toUnitRows(selectRows(classes, first)).data;

    const float = (...shape: number[]) => ({ shape, data: new Float32Array(elements(shape)) });
    const n = this.textBlocks.reduce((sum, block) => sum + rowsOf(block), 0);
    this.feeds = {
      pixels: float(own, 3, size, size),
      ids: { shape: [n, bank.length], data: new Int32Array(n * bank.length) },
      ends: { shape: [n], data: new Int32Array(n) },
      'target/image': float(batch, embed),
      'target/text': float(this.textCount, embed),
    };
    this.layers = new LayerFeeds(store.layout, 'target/', own, options.halves ?? false);
    Object.assign(this.feeds, this.layers.feeds);
    if (bank.words && options.captions) {
      const { wordsLength, alignment } = bank;
      this.feeds['target/words'] = float(own, wordsLength, embed);
      if (alignment) {
        this.feeds['target/words_ends'] = { shape: [own], data: new Int32Array(own) };
        this.feeds['align/student'] = float(own, bank.length, alignment.count);
        this.feeds['align/teacher'] = float(own, wordsLength, alignment.count);
      }
    }
  }

  /** Takes in the targets of further teachers, whose answers are then mixed with the first's. Their stores are closed with {@link close}. */
  join(several: SeveralTargets): void {
    this.several = several;
    Object.assign(this.feeds, several.feeds);
  }

  /** The further teachers' targets, where there are some. */
  get others(): SeveralTargets | undefined {
    return this.several;
  }

  /** Closes all stores. */
  close(): void {
    this.store.close();
    this.several?.close();
  }

  /** Graph inputs for `feeds`, by name; what is fed in fp16 is read as fp32. */
  inputs(): TensorTree {
    return Object.fromEntries(
      Object.entries(this.feeds).map(([name, { shape, data }]) => {
        const tensor = input(name, shape, dtypeOf(data));
        return [name, tensor.dtype === 'float16' ? cast(tensor, 'float32') : tensor];
      }),
    );
  }

  /** Fills `feeds` for a step; `wanted` names the inputs that the program has, the others are left as they are. */
  fill(step: number, wanted: ReadonlySet<string>): BatchFeeds {
    const { batch } = this.options;
    const { layout } = this.store;
    const drawn = Array.from({ length: batch }, (_, i) => this.draw(step * batch + i));
    const { images } = this.share;
    for (const [i, record] of this.records.entries()) {
      const { example, view } = drawn[images.from + i]!;
      this.store.read(this.store.index(example, view), record);
    }
    const float = (name: string) => this.feeds[name]!.data as Float32Array;
    const whole = (name: string) => this.feeds[name]!.data as Int32Array;
    const { size, embed } = layout.contents;
    for (const [i, record] of this.records.entries()) {
      normalizePixels(layout.pixels(record), size, this.preprocess, float('pixels'), i * 3 * size * size);
      float('target/image').set(layout.embed(record), (images.from + i) * embed);
      this.layers.fill(record, i, wanted);
    }
    gatherRows(this.options.group, images, float('target/image'));
    const shown = drawn.map(({ example, view }) => ({ record: this.store.index(example, view), example }));
    const seen = { step, images: shown, first: float('target/image') };
    this.several?.read(seen);
    const { rows, classes } = this.texts(step, drawn);
    const read = this.ownTexts(rows);
    gatherHostRows(this.bank.ids, this.bank.length, read, whole('ids'));
    gatherHostRows(this.bank.ends, 1, read, whole('ends'));
    gatherHostRows(this.bank.embeds, embed, rows, float('target/text'));
    if (wanted.has('target/words')) {
      const own = read.slice(0, images.count);
      const { alignment, length, wordsLength, wordsEnds } = this.bank;
      gatherWords(this.bank, own, float('target/words'));
      if (alignment) {
        gatherHostRows(wordsEnds, 1, own, whole('target/words_ends'));
        gatherSlots(alignment.student, length, alignment.count, own, float('align/student'));
        gatherSlots(alignment.teacher, wordsLength, alignment.count, own, float('align/teacher'));
      }
    }
    const captions = rows.length - classes.length;
    this.several?.fill(seen, { rows, captions, classes }, wanted, float('target/text'));
    return this.feeds;
  }

  /** The drawing at a position of the endless stream of epochs, and the view it is seen as. */
  draw(position: number): { example: number; view: number } {
    const { example, epoch } = this.order.at(position);
    return { example: this.store.standIn(example), view: epoch % this.options.views };
  }

  /** The step's texts as rows of the bank: a caption of each drawing, then the classes, which are also named. */
  private texts(
    step: number,
    drawn: readonly { readonly example: number; readonly view: number }[],
  ): { rows: number[]; classes: number[] } {
    const { seed, captions } = this.options;
    const ranked = drawn.map(({ example, view }, i) => {
      const record = this.store.index(example, view);
      const known = this.nearest.get(record) ?? this.nearestClasses(i, record);
      this.nearest.set(record, known);
      return known;
    });
    const random = new Random(seed, 'templates', step);
    const chosen = this.chooseClasses(step, ranked);
    const classes = chosen.map((c) => this.classText(random, c));
    if (!captions) return { rows: classes, classes: chosen };
    const own = drawn.map(({ example }, i) => {
      const texts = this.bank.captions.get(this.examples[example]!.id) ?? [];
      const pickOne = new Random(seed, 'caption', step, i);
      // A drawing without captions is described by what the teacher takes it for.
      return texts.length > 0 ? pickOne.pick(texts) : this.classText(pickOne, ranked[i]![0]!);
    });
    return { rows: [...own, ...classes], classes: chosen };
  }

  /** Of the step's texts, those that this process reads; one more where it has no class of its own: see {@link rowsOf}. */
  private ownTexts(rows: readonly number[]): number[] {
    let start = 0;
    return this.textBlocks.flatMap((block) => {
      const all = rows.slice(start, start + block.total);
      start += block.total;
      return ownOf(all, block);
    });
  }

  /** One of a class's texts. */
  private classText(random: Random, c: number): number {
    const { weights } = this.options;
    const texts = this.bank.classes[c]!;
    return weights ? random.weighted(texts, weights) : random.pick(texts);
  }

  /** The step's classes: all where they fit, otherwise each drawing's nearest ones in turn, and random ones. */
  private chooseClasses(step: number, ranked: readonly (readonly number[])[]): number[] {
    const all = Array.from({ length: this.bank.classes.length }, (_, c) => c);
    if (this.classCount === all.length) return all;
    const chosen = new Set<number>();
    for (let rank = 0; rank < this.options.teacherTopK; rank++) {
      for (const classes of ranked) {
        const c = classes[rank];
        if (c !== undefined && chosen.size < this.classCount) chosen.add(c);
      }
    }
    for (const c of new Random(this.options.seed, 'classes', step).shuffle(all))
      if (chosen.size < this.classCount) chosen.add(c);
    return [...chosen].sort((a, b) => a - b);
  }

  /** The teacher's nearest classes of drawing i of the batch, the nearest first. */
  private nearestClasses(i: number, record: number): number[] {
    const count = this.bank.classes.length;
    const keep = Math.max(1, Math.min(this.options.teacherTopK, count));
    const needed = this.classCount < count || this.options.captions;
    if (!needed) return [];
    if (this.several) return this.several.nearest(record, keep);
    const width = this.store.layout.contents.embed;
    const image = (this.feeds['target/image']!.data as Float32Array).subarray(i * width, (i + 1) * width);
    const best: { c: number; score: number }[] = [];
    for (let c = 0; c < count; c++) {
      let score = 0;
      for (let k = 0; k < width; k++) score += image[k]! * this.classFeatures[c * width + k]!;
      if (best.length === keep && score <= best[keep - 1]!.score) continue;
      best.push({ c, score });
      best.sort((a, b) => b.score - a.score);
      if (best.length > keep) best.pop();
    }
    return best.map((b) => b.c);
  }
}
