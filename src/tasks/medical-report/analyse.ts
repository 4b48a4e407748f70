import type { RawImage } from '../../data/index.js';
import { modelPixels } from '../../loader/index.js';
import { logitFactor, modelWeights, type TowerModel } from '../../model/index.js';
import { paramFeeds, paramInputs } from '../../nn/index.js';
import { type CompileOptions, compile, type Runnable } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { ReportIndex } from './corpus/index-folder.js';
import { probability } from './head/calibration.js';
import { findingGraph, headPrefix } from './head/finding-graph.js';
import { findingSet } from './labels/finding-set.js';

/** What a model sees of a study: means over its views, of attention the view that shows most. */
export interface Seen {
  /** Of the head, and of the prompt pairs, by finding [F]. */
  readonly head: Float32Array;
  readonly pairs: Float32Array;
  /** Where each finding is looked for [F · P], in which view. */
  readonly attention: Float32Array;
  readonly views: readonly number[];
  /** By finding, what evidence is compared by: square roots of the attention [P] and the seen [d], each at unit length over √2. */
  readonly keys: readonly Float32Array[];
  /** What the study looks like as a whole: image features [E] and mean patch token [D], each at unit length over √2. */
  readonly look: Float32Array;
}

/** What a study shows, calibrated. */
export interface Findings {
  readonly name: string;
  readonly probability: number;
  /** Of the head's logit alone, and of the prompt pair's score, before calibration. */
  readonly head: number;
  readonly pair: number;
  /** By the thresholds; undefined: neither, nothing is said. */
  readonly said?: 'present' | 'absent';
}

/** A model with an index's head, ready for studies. */
export class Analyser {
  private constructor(
    private readonly model: TowerModel,
    private readonly index: ReportIndex,
    private readonly program: Runnable,
    private readonly pixels: HostTensor<Float32Array>,
  ) {}

  /**
   * @param batch views at a time
   * @throws UserError where the device cannot be used
   */
  static async open(
    model: TowerModel,
    index: ReportIndex,
    batch = 1,
    options: Pick<CompileOptions, 'device' | 'threads'> = {},
  ): Promise<Analyser> {
    const { size } = model.preprocess;
    const weights = modelWeights(model);
    const config = index.described.head;
    const result = findingGraph(
      { model: paramInputs(weights), head: paramInputs(index.head, headPrefix) },
      ...([
        model,
        config,
        t.input('pixels', [batch, 3, size, size]),
        t.input('pair_texts', index.pairs.shape),
      ] as const),
      logitFactor(model),
    );
    const fixed = { ...paramFeeds(weights), ...paramFeeds(index.head, headPrefix), pair_texts: index.pairs };
    const program = await compile({ outputs: { ...result } }, { ...options, fixed });
    const pixels = { shape: [batch, 3, size, size], data: new Float32Array(batch * 3 * size * size) };
    return new Analyser(model, index, program, pixels);
  }

  /** What the model sees of studies of one or more views each. @throws UserError for an image of an impossible size */
  async see(studies: readonly (readonly RawImage[])[]): Promise<Seen[]> {
    const views = studies.flatMap((images, study) => images.map((image) => ({ study, image })));
    const each = await this.pass(views.map(({ image }) => image));
    return studies.map((_, study) =>
      joined(
        each.filter((_, i) => views[i]!.study === study),
        this.index,
      ),
    );
  }

  private async pass(images: readonly RawImage[]): Promise<View[]> {
    const batch = this.pixels.shape[0]!;
    const size = this.pixels.data.length / batch;
    const made: View[] = [];
    for (let from = 0; from < images.length; from += batch) {
      const some = images.slice(from, from + batch);
      for (const [i, image] of some.entries()) {
        this.pixels.data.set(modelPixels(image, this.model.preprocess, 'image'), i * size);
      }
      const result = await this.program.run({ pixels: this.pixels });
      const rows = (name: string, i: number) => {
        const { data } = result[name]!;
        const width = data.length / batch;
        return (data as Float32Array).slice(i * width, (i + 1) * width);
      };
      for (const i of some.keys()) {
        made.push({
          ...{ head: rows('logits', i), pairs: rows('pairs', i), attention: rows('attention', i) },
          ...{ seen: rows('seen', i), embed: rows('embed', i), mean: rows('mean', i) },
        });
      }
    }
    return made;
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

interface View {
  readonly head: Float32Array;
  readonly pairs: Float32Array;
  readonly attention: Float32Array;
  readonly seen: Float32Array;
  readonly embed: Float32Array;
  readonly mean: Float32Array;
}

function joined(views: readonly View[], { described }: ReportIndex): Seen {
  const { findings, patches, width } = described.head;
  const mean = (pick: (view: View) => Float32Array) =>
    pick(views[0]!).map((_, i) => views.reduce((sum, view) => sum + pick(view)[i]!, 0) / views.length);
  const best = Array.from({ length: findings }, (_, f) =>
    views.reduce((top, { head }, v) => (head[f]! > views[top]!.head[f]! ? v : top), 0),
  );
  const attention = new Float32Array(findings * patches);
  for (const [f, v] of best.entries()) {
    attention.set(views[v]!.attention.subarray(f * patches, (f + 1) * patches), f * patches);
  }
  return {
    ...{ head: mean((view) => view.head), pairs: mean((view) => view.pairs), attention, views: best },
    keys: best.map((v, f) =>
      halves(
        attention.slice(f * patches, (f + 1) * patches).map(Math.sqrt),
        views[v]!.seen.slice(f * width, (f + 1) * width),
      ),
    ),
    look: halves(
      mean((view) => view.embed),
      mean((view) => view.mean),
    ),
  };
}

/** Two vectors as one whose products are the mean of their cosines. */
function halves(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length + b.length);
  for (const [part, at] of [
    [a, 0],
    [b, a.length],
  ] as const) {
    const norm = Math.hypot(...part) * Math.SQRT2 || 1;
    out.set(
      part.map((x) => x / norm),
      at,
    );
  }
  return out;
}

/** Probabilities of what was seen, and what is said at them. */
export function findingsOf({ head, pairs }: Seen, { described }: ReportIndex): Findings[] {
  return findingSet(described.findings).findings.map(({ name }, f) => {
    const scored = { head: head[f]!, pair: pairs[f]! };
    const calibration = described.calibrations[name]!;
    const p = probability(calibration, scored);
    const { present, absent } = calibration;
    const said = present !== null && p >= present ? 'present' : absent !== null && p <= absent ? 'absent' : undefined;
    return { name, probability: p, ...scored, ...(said && { said }) };
  });
}

/** The similarity of a row to the rows of a table: their products. */
export function similarities(row: Float32Array, { shape, data }: HostTensor<Float32Array>): Float32Array {
  const [rows, width] = shape as [number, number];
  return Float32Array.from({ length: rows }, (_, r) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += row[k]! * data[r * width + k]!;
    return sum;
  });
}
