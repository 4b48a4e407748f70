import type { Rows } from '../../math/index.js';
import { classText } from '../../prompt/index.js';
import { classRows, logitRows } from '../cascade/index.js';
import { tasksPerWorker, WorkerEncoder } from '../encoder/index.js';
import { Batcher } from './batcher.js';
import { Fault } from './fault.js';
import type { Metrics } from './metrics.js';
import type { Settings } from './options.js';
import { rowsOf, TextFeatures } from './text-features.js';

/** Texts of one batch, and most that wait: a request may name many classes. */
const textBatch = 64;
const textQueue = 8192;

type Encoded = { readonly row: Float32Array } | { readonly fault: string };

/** A model in workers, with its queues. */
export class ServedModel {
  private readonly imageQueue: Batcher<Uint8Array, Encoded>;
  private readonly texts: TextFeatures;

  private constructor(
    readonly name: string,
    private readonly encoder: WorkerEncoder,
    settings: Settings,
    metrics: Metrics,
  ) {
    const { maxBatch, maxWaitMs, maxQueue, workers } = settings;
    const concurrency = workers * tasksPerWorker;
    const onBatch = (kind: string) => (size: number, seconds: number) => metrics.batch(name, kind, size, seconds);
    this.imageQueue = new Batcher<Uint8Array, Encoded>(
      async (files, abandoned) => {
        const { rows, faults } = await encoder.images(files, undefined, abandoned);
        return rowsOf(rows).map((row, i): Encoded => {
          const fault = faults[i];
          return fault === undefined ? { row } : { fault };
        });
      },
      { maxBatch, maxWaitMs, maxQueue, concurrency },
      onBatch('images'),
    );
    const text = { maxBatch: textBatch, maxWaitMs: 0, maxQueue: textQueue, concurrency };
    this.texts = new TextFeatures(encoder, text, onBatch('texts'));
  }

  /** @throws UserError where the model cannot be read */
  static async open(name: string, path: string, settings: Settings, metrics: Metrics): Promise<ServedModel> {
    const { workers, threads, maxPixels } = settings;
    return new ServedModel(name, await WorkerEncoder.open(path, { workers, threads, maxPixels }), settings, metrics);
  }

  get info() {
    return this.encoder.info;
  }

  /** Images that wait. */
  get waiting(): number {
    return this.imageQueue.waiting;
  }

  /**
   * Unit rows, one an image file.
   * @throws Fault naming the first image that cannot be read
   */
  async images(files: readonly Uint8Array[], signal?: AbortSignal): Promise<Rows> {
    const encoded = await this.imageQueue.submit(files, signal);
    const { width } = this.info;
    const data = new Float32Array(files.length * width);
    for (const [i, one] of encoded.entries()) {
      if ('fault' in one) {
        // The label counts the batch's images, not the request's.
        const reason = one.fault.replace(/^image \d+: /, '');
        throw new Fault(400, 'unreadable_image', `images[${i}]: ${reason}`);
      }
      data.set(one.row, i * width);
    }
    return { data, count: files.length, width };
  }

  /** Unit rows, one a text. */
  textRows(texts: readonly string[], signal?: AbortSignal): Promise<Rows> {
    return this.texts.of(texts, signal);
  }

  /** Unit rows, one a class: those of the export where they are the same classes, otherwise made. */
  async classRows(classes: readonly string[], templates: readonly string[], signal?: AbortSignal): Promise<Rows> {
    const { classifier, width } = this.info;
    if (classifier && same(classifier.names, classes) && same(classifier.templates, templates)) {
      return { data: classifier.features.data, count: classes.length, width };
    }
    const texts = classes.flatMap((one) => templates.map((template) => classText(template, one)));
    return classRows(await this.textRows(texts, signal), classes.length);
  }

  /** exp(logit_scale) · cosines + logit_bias, one array [C] an image. */
  async logits(
    files: readonly Uint8Array[],
    classes: readonly string[],
    templates: readonly string[],
    signal?: AbortSignal,
  ): Promise<Float64Array[]> {
    const features = await this.classRows(classes, templates, signal);
    return logitRows(await this.images(files, signal), features, this.info);
  }

  close(): Promise<void> {
    return this.encoder.close();
  }
}

const same = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((x, i) => x === b[i]);
