import type { TowerResult } from '../../clip/index.js';
import { modelWeights, type TowerModel, withWeights } from '../../model/index.js';
import { compile, type Runnable } from '../../runtime/index.js';
import { type HostTensor, l2Normalize, type Tensor } from '../../tensor/index.js';
import type { Calibration } from './calibration.js';
import { cutsOfInputs, HiddenStates } from './hidden-states.js';
import { imageFeeds, imageGraph, textFeeds, textGraph } from './student-graph.js';

const BATCH = 64;

/** Class probabilities of the calibration's images, [images, classes]. */
export interface Predictions {
  readonly probabilities: Float64Array;
  readonly classes: number;
}

/** Unit embeddings of the calibration's images [images, P] and texts [classes, P]. */
export interface Embeds {
  readonly images: Float32Array;
  readonly texts: Float32Array;
}

/** Predicts the calibration's images with a student's weights, changed as often as wanted, by two compiled programs. */
export class Predictor {
  private kept?: Promise<Embeds>;

  private constructor(
    private readonly student: TowerModel,
    readonly images: TowerEmbeds,
    readonly texts: TowerEmbeds,
  ) {}

  /** @param student whose {@link own} embeddings the others are measured by */
  static async create(student: TowerModel, { pixels, texts }: Calibration): Promise<Predictor> {
    const [images, lines] = [pixels.shape[0]!, texts.ends.length];
    const [some, few] = [Math.min(BATCH, images), Math.min(BATCH, lines)];
    const text = textGraph(student, few, texts.length).tower;
    return new Predictor(
      student,
      await TowerEmbeds.create(imageGraph(student, some), images, some, (from) => imageFeeds(pixels, from, some)),
      await TowerEmbeds.create(text, lines, few, (from) => textFeeds(texts, from, few)),
    );
  }

  async embeds(student: TowerModel): Promise<Embeds> {
    return { images: await this.images.of(student), texts: await this.texts.of(student) };
  }

  /** Those of the student that this was made for, computed once. */
  own(): Promise<Embeds> {
    this.kept ??= this.embeds(this.student);
    return this.kept;
  }

  /** softmax(exp(logit_scale) · cosine) of each image over the classes. */
  predict({ images, texts }: Embeds, { config, params }: TowerModel): Predictions {
    const scale = Math.exp(params.logit_scale!.data[0]!);
    const width = config.projection_dim;
    const [count, classes] = [images.length / width, texts.length / width];
    const probabilities = new Float64Array(count * classes);
    for (let i = 0; i < count; i++) {
      const row = probabilities.subarray(i * classes, (i + 1) * classes);
      for (let c = 0; c < classes; c++) {
        let sum = 0;
        for (let k = 0; k < width; k++) sum += images[i * width + k]! * texts[c * width + k]!;
        row[c] = scale * sum;
      }
      const highest = row.reduce((a, b) => Math.max(a, b));
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
      for (let c = 0; c < classes; c++) row[c] = Math.exp(row[c]! - highest) / total;
    }
    return { probabilities, classes };
  }

  async dispose(): Promise<void> {
    await Promise.all([this.images.dispose(), this.texts.dispose()]);
  }
}

/** A tower's embeddings of the calibration, a batch at a time; the last batch reaches back where it would not be full. */
class TowerEmbeds {
  private readonly states: HiddenStates;
  /** Where each of the tower's inputs first matters. */
  private readonly cuts: ReadonlyMap<string, number>;

  private constructor(
    private readonly tower: TowerResult,
    private readonly total: number,
    private readonly batch: number,
    feeds: (from: number) => Record<string, HostTensor>,
    private program: Runnable,
  ) {
    this.cuts = cutsOfInputs(tower);
    this.states = new HiddenStates(tower, Math.ceil(total / batch), (n) => feeds(this.first(n)));
  }

  static async create(
    tower: TowerResult,
    total: number,
    batch: number,
    feeds: (from: number) => Record<string, HostTensor>,
  ): Promise<TowerEmbeds> {
    return new TowerEmbeds(tower, total, batch, feeds, await embedProgram(tower));
  }

  /** Unit embeddings [total, P]. */
  async of(student: TowerModel): Promise<Float32Array> {
    await this.startAt(-1, student);
    return this.rest(student);
  }

  /** Whether the tower reads a weight. */
  reads(name: string): boolean {
    return this.cuts.has(name);
  }

  /** How far into the tower a weight is read first; at its end where it is not read at all. */
  placeOf(name: string): number {
    return this.cuts.get(name) ?? this.tower.hidden.length - 1;
  }

  /**
   * The same where only the weight called `name` differs from those of `student`: what stands before it is kept from call to
   * call, as long as they come in the order of {@link placeOf}.
   */
  async changed(name: string, value: HostTensor, student: TowerModel): Promise<Float32Array> {
    await this.startAt(this.placeOf(name), student);
    return this.rest(withWeights(student, { [name]: value }));
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }

  private first(batch: number): number {
    return Math.min(batch * this.batch, this.total - this.batch);
  }

  private async startAt(cut: number, student: TowerModel): Promise<void> {
    if (!(await this.states.moveTo(cut, student))) return;
    await this.program.dispose();
    this.program = await embedProgram(this.tower, this.states.given);
  }

  private async rest(student: TowerModel): Promise<Float32Array> {
    const weights = modelWeights(student);
    let all: Float32Array | undefined;
    for (let n = 0; n * this.batch < this.total; n++) {
      const { data } = (await this.program.run({ ...weights, ...this.states.feeds(n) })).embed!;
      const width = data.length / this.batch;
      all ??= new Float32Array(this.total * width);
      all.set(data as Float32Array, this.first(n) * width);
    }
    return all!;
  }
}

const embedProgram = ({ embed }: TowerResult, given?: ReadonlyMap<Tensor, string>) =>
  compile({ outputs: { embed: l2Normalize(embed) }, given });

/** Mean over the images of KL(p ‖ q), in nats. */
export function meanKl(p: Predictions, q: Predictions): number {
  let sum = 0;
  for (const [i, share] of p.probabilities.entries()) {
    if (share > 0) sum += share * Math.log(share / Math.max(q.probabilities[i]!, 1e-300));
  }
  return sum / (p.probabilities.length / p.classes);
}

/** The likeliest class of each image. */
export function answers({ probabilities, classes }: Predictions): number[] {
  return Array.from({ length: probabilities.length / classes }, (_, i) => {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b)));
  });
}

/** Share of equal answers, or of right ones. */
export function agreement(a: readonly number[], b: readonly number[]): number {
  return a.filter((answer, i) => answer === b[i]).length / a.length;
}
