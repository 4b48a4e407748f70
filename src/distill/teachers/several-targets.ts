import { gatherRows } from '../../group/index.js';
import { gatherHostRows, Random, type Rows, toUnitRows } from '../../math/index.js';
import type { BatchShare } from '../../nn/index.js';
import type { Feed } from '../../runtime/index.js';
import { elements } from '../../tensor/index.js';
import { bestOf } from '../fusion/answers.js';
import { type Fusion, fusedAnswer, type SourceWeights } from '../fusion/fusion.js';
import { LayerFeeds } from '../targets/layer-feeds.js';
import type { TargetStore } from '../targets/target-store.js';

/** What of one teacher is at hand in a run. */
export interface TeacherRecords {
  readonly store: TargetStore;
  /** Its features of the run's texts, not normalised [texts, P]. */
  readonly embeds: Float32Array;
  /** Of the classes, where it has texts of its own for them [classes, P]. */
  readonly classEmbeds?: Float32Array;
}

/** What a step shows, as `Batches` has drawn it. */
export interface DrawnStep {
  readonly step: number;
  /** Record of each image in the stores, and its place among the examples. */
  readonly images: readonly { readonly record: number; readonly example: number }[];
  /** Embeddings of the images by the first teacher [B, P]. */
  readonly first: Float32Array;
}

/** The texts of a step: captions, one an image or none, and then classes. */
export interface StepTexts {
  readonly rows: readonly number[];
  readonly captions: number;
  readonly classes: readonly number[];
}

export interface SeveralOptions {
  /** All teachers, the first too. */
  readonly teachers: readonly TeacherRecords[];
  readonly fusion: Fusion;
  /** Which teachers answer, in the order of the fusion's. */
  readonly responders: readonly number[];
  /** Row of each example's class among the run's; -1 where it is not known or may not be read. */
  readonly labels: Int32Array;
  readonly batch: number;
  /** Which images of a batch are this process's own. */
  readonly share: BatchShare;
  readonly textCount: number;
  readonly seed: number;
  readonly views: number;
  /** Steps of the whole run, for rules that change with it. */
  readonly steps: number;
  /** UNIC's teacher dropping; 0: off. */
  readonly drop: number;
  readonly halves: boolean;
}

interface Sample {
  readonly answer: Float64Array;
  readonly weights: SourceWeights;
}

/**
 * The targets of several teachers, each out of its own store, and the weights by which their answers are mixed: fusion happens
 * as a batch is filled, so that another rule costs no pass of a teacher. Of several processes each reads its own b images; embeddings
 * are gathered, and each weighs the answers for all of them.
 *
 * It feeds, beside what `Batches` feeds of the first teacher: `target/k.image`, `target/k.text`, and of the own
 * images `target/k.hidden.l` and `target/k.attention.l`, of teacher k from 1; `fusion/weights` [B, S] and `fusion/columns` [N, S], the sources' weights for
 * images and for texts; `fusion/labels` [B, N]; `fusion/known.k` [N], 1 for texts that teacher k knows; `fusion/keep` [B, K].
 */
export class SeveralTargets {
  readonly feeds: Record<string, Feed> = {};
  /** Of every teacher but the first, which `Batches` reads. */
  private readonly layers: LayerFeeds[] = [];
  private readonly records: readonly (readonly Uint8Array[])[];
  private readonly samples = new Map<number, Sample>();
  /** Embeddings of the step's images a teacher. */
  private readonly embeds: Float32Array[];

  constructor(readonly options: SeveralOptions) {
    const { teachers, fusion, responders, batch, share, textCount: n, drop, halves } = options;
    const own = share.images.count;
    const float = (...shape: number[]) => ({ shape, data: new Float32Array(elements(shape)) });
    this.records = teachers.map(({ store }, k) =>
      k === 0 ? [] : Array.from({ length: own }, () => new Uint8Array(store.layout.bytes)),
    );
    this.embeds = teachers.map(({ store }) => new Float32Array(batch * store.layout.contents.embed));
    for (const [k, { store }] of teachers.entries()) {
      if (k === 0) continue;
      const { embed } = store.layout.contents;
      this.feeds[`target/${k}.image`] = float(batch, embed);
      this.feeds[`target/${k}.text`] = float(n, embed);
      this.layers[k] = new LayerFeeds(store.layout, `target/${k}.`, own, halves);
      Object.assign(this.feeds, this.layers[k].feeds);
    }
    this.feeds['fusion/weights'] = float(batch, fusion.sources);
    this.feeds['fusion/columns'] = float(n, fusion.sources);
    if (fusion.sources > responders.length) this.feeds['fusion/labels'] = float(batch, n);
    for (const [i, { known }] of fusion.classifiers.entries()) if (known) this.feeds[`fusion/known.${i}`] = float(n);
    if (drop > 0) this.feeds['fusion/keep'] = float(batch, teachers.length);
  }

  close(): void {
    for (const { store } of this.options.teachers.slice(1)) store.close();
  }

  /** Reads the records of a step's own images. Call it before {@link nearest} and {@link fill}. */
  read({ images, first }: DrawnStep): void {
    const { teachers, share } = this.options;
    this.embeds[0]!.set(first);
    for (const [k, { store }] of teachers.entries()) {
      if (k === 0) continue;
      const width = store.layout.contents.embed;
      for (const [i, own] of this.records[k]!.entries()) {
        const place = share.images.from + i;
        store.read(images[place]!.record, own);
        this.embeds[k]!.set(store.layout.embed(own), place * width);
      }
      gatherRows(share.group, share.images, this.embeds[k]!);
    }
    const units = this.options.responders.map((k) => this.unitRows(k));
    for (const [i, { record }] of images.entries()) {
      if (this.samples.has(record)) continue;
      const { fusion } = this.options;
      const answers = fusion.answers(
        units,
        units.map(() => i),
      );
      this.samples.set(record, { answer: fusedAnswer(fusion, answers), weights: fusion.weigh(answers) });
    }
  }

  /** The likeliest classes of a record by all teachers together, the likeliest first. */
  nearest(record: number, keep: number): number[] {
    const { answer } = this.samples.get(record)!;
    const rest = answer.slice();
    return Array.from({ length: Math.min(keep, rest.length) }, () => {
      const best = bestOf(rest);
      rest[best] = -1;
      return best;
    });
  }

  /**
   * Fills {@link feeds} for a step, and the class texts of `first` where the first teacher has its own.
   *
   * @param wanted names the inputs that the program has
   * @param first `target/text` [N, P] of the first teacher
   */
  fill(drawn: DrawnStep, texts: StepTexts, wanted: ReadonlySet<string>, first: Float32Array): void {
    const { teachers } = this.options;
    for (const [k, { store, embeds, classEmbeds }] of teachers.entries()) {
      const width = store.layout.contents.embed;
      const out = k === 0 ? first : (this.feeds[`target/${k}.text`]!.data as Float32Array);
      if (k > 0) {
        (this.feeds[`target/${k}.image`]!.data as Float32Array).set(this.embeds[k]!);
        gatherHostRows(embeds, width, texts.rows, out);
        for (const [i, record] of this.records[k]!.entries()) this.layers[k]!.fill(record, i, wanted);
      }
      if (classEmbeds) gatherHostRows(classEmbeds, width, texts.classes, out.subarray(texts.captions * width));
    }
    this.fillWeights(drawn, texts);
    const keep = this.feeds['fusion/keep']?.data as Float32Array | undefined;
    if (keep) {
      const random = new Random(this.options.seed, 'drop', drawn.step);
      for (let i = 0; i < keep.length; i++) keep[i] = random.float() < this.options.drop ? 0 : 1;
    }
  }

  private fillWeights({ step, images }: DrawnStep, { captions, classes }: StepTexts): void {
    const { fusion, labels, steps } = this.options;
    const { sources } = fusion;
    const data = (name: string) => this.feeds[name]!.data as Float32Array;
    const [weights, columns] = [data('fusion/weights'), data('fusion/columns')];
    const progress = steps > 1 ? Math.min(1, step / (steps - 1)) : 1;
    const mean = new Float64Array(sources);
    for (const [i, { record, example }] of images.entries()) {
      const own = this.samples.get(record)!.weights(progress, labels[example]! >= 0);
      weights.set(own, i * sources);
      for (let s = 0; s < sources; s++) mean[s]! += own[s]! / images.length;
      if (i < captions) columns.set(own, i * sources);
    }
    for (let n = captions; n < captions + classes.length; n++) columns.set(mean, n * sources);
    this.fillLabels(images, captions, classes);
    for (const [i, { known }] of fusion.classifiers.entries()) {
      if (!known) continue;
      const mask = data(`fusion/known.${i}`);
      mask.fill(1, 0, captions); // a caption is of its image, not of a class
      for (const [j, c] of classes.entries()) mask[captions + j] = known[c]!;
    }
  }

  /** An image's label as a target: its own caption and its class, as far as the step has them, in equal parts. */
  private fillLabels(images: DrawnStep['images'], captions: number, classes: readonly number[]): void {
    const out = this.feeds['fusion/labels']?.data as Float32Array | undefined;
    if (!out) return;
    const { labels, textCount } = this.options;
    out.fill(0);
    for (const [i, { example }] of images.entries()) {
      const label = labels[example]!;
      if (label < 0) continue;
      const places = [...(i < captions ? [i] : []), ...classes.flatMap((c, j) => (c === label ? [captions + j] : []))];
      for (const place of places) out[i * textCount + place] = 1 / places.length;
    }
  }

  private unitRows(k: number): Rows {
    const width = this.options.teachers[k]!.store.layout.contents.embed;
    const data = this.embeds[k]!.slice();
    return toUnitRows({ data, count: data.length / width, width });
  }
}
