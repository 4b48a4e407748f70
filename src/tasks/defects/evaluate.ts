import type { RawImage, Skipped } from '../../data/index.js';
import { type Interval, wilson } from '../../math/index.js';
import { paramInputs } from '../../nn/index.js';
import { reshape } from '../../tensor/index.js';
import type { DefectDataset, DefectMask, Product } from './data/defect-data.js';
import type { Detector } from './detector.js';
import { eachImage, type FitOptions } from './fit.js';
import { scores, storedValues, tiledImage } from './graph/detector-graph.js';
import { resample, resampling } from './graph/resample.js';
import { asImage } from './graph/tiles.js';
import { ImageProgram, type InspectOptions } from './image-program.js';
import { aupro, type ScoredMask } from './metrics/aupro.js';
import { type Ranking, rank } from './metrics/ranking.js';

/** Options of {@link evaluateDefects}. */
export interface EvaluateDefectsOptions extends InspectOptions {
  readonly dataset: DefectDataset;
  readonly product: Product;
  readonly signal?: AbortSignal;
  readonly onProgress?: FitOptions['onProgress'];
}

/** What a group of defects is found by. */
export interface DefectGroup {
  readonly images: number;
  /** Against all sound images; undefined where there are none. */
  readonly auroc: number | undefined;
  /** Share that the saved threshold finds. */
  readonly found: Interval;
}

/** How well a detector inspects a product's test images. */
export interface DefectEvaluation {
  readonly images: { readonly sound: number; readonly defective: number };
  /** Undefined where all images are sound, or all defective. */
  readonly image: Ranking | undefined;
  /** Of pixels of images with masks; undefined where there is none. */
  readonly pixel: (Omit<Ranking, 'recallAtPrecision'> & { /** At 0.3 FPR */ readonly aupro: number }) | undefined;
  /** At the detector's own threshold, which comes from sound images alone. */
  readonly atThreshold: {
    /** Share of sound images that are alarms; per 1,000: times that. Undefined without sound images. */
    readonly falseAlarms: Interval | undefined;
    /** Share of defective images that are found. */
    readonly found: Interval | undefined;
  };
  readonly byKind: Readonly<Record<string, DefectGroup>>;
  /** By the share of the image that the mask takes. */
  readonly bySize: Readonly<Record<string, DefectGroup>>;
  readonly skipped: readonly Skipped[];
}

/** Longest side in which maps are compared with masks; larger ones are reduced to it, as anomalib's are. */
const longest = 256;

/** Shares of the image that divide small defects from middling and large ones. */
const sizes = [
  ['below 1 %', 0.01],
  ['1 to 5 %', 0.05],
  ['above 5 %', Number.POSITIVE_INFINITY],
] as const;

interface Judged {
  readonly score: number;
  readonly defect?: string;
  /** Share of the image that is defective; undefined without a mask. */
  readonly area?: number;
}

/**
 * Measures a detector on a product's test images. An image, or a mask, that cannot be read is left out and listed.
 * Figures are from 0 to 1. AUROC, average precision and AUPRO are those of scikit-learn and anomalib.
 *
 * @throws the signal's reason where it is aborted
 * @example
 * const dataset = await openDefectData('surfaces');
 * const detector = await loadDetector('runs/metal');
 * const { image, atThreshold } = await evaluateDefects(detector, { dataset, product: productOf(dataset, 'metal') });
 * console.log(`AUROC ${image?.auroc}, found ${atThreshold.found?.value}`);
 */
export async function evaluateDefects(detector: Detector, options: EvaluateDefectsOptions): Promise<DefectEvaluation> {
  const program = new ImageProgram((size) => evaluationGraph(detector, size), options, detector.size);
  const judged: Judged[] = [];
  const maps: ScoredMask[] = [];
  const skipped: Skipped[] = [];
  const dataset: DefectDataset = {
    ...options.dataset,
    // A mask that is wrong leaves its image out, as an image does that cannot be read.
    load: async (image) => {
      const read = await options.dataset.load(image);
      masks.set(image.id, await options.dataset.mask(image, read));
      return read;
    },
  };
  const masks = new Map<string, DefectMask | undefined>();
  await eachImage(
    'inspecting',
    options.product.test,
    { ...options, dataset },
    skipped,
    async (image, { id, defect }) => {
      const { score, map } = await program.run(image, id);
      const mask = masks.get(id);
      masks.delete(id);
      judged.push({
        score: score!.data[0]!,
        ...(defect !== undefined && { defect }),
        ...(mask && { area: areaOf(mask) }),
      });
      if (!mask) return;
      const [height, width] = map!.shape.slice(2) as [number, number];
      maps.push({ width, scores: (map!.data as Float32Array).slice(), mask: reduced(mask, height, width) });
    },
  ).finally(() => program.dispose());
  return { ...figuresOf(judged, maps, detector.limits.image.value), skipped };
}

function evaluationGraph(detector: Detector, [height, width]: readonly [number, number]) {
  const weights = storedValues(detector);
  const tiled = tiledImage(detector, [height, width]);
  const { score, map } = scores(paramInputs(weights), detector, tiled);
  const [h, w] = mapSize({ height, width });
  const { grid } = tiled.layout;
  const rows = resampling(grid, h, map, 0);
  const columns = resampling(grid, w, map, 0);
  return { outputs: { score: reshape(score, [1]), map: resample(asImage(map), rows, columns) }, weights };
}

function mapSize({ height, width }: Pick<RawImage, 'height' | 'width'>): [number, number] {
  const scale = Math.min(1, longest / Math.max(height, width));
  return [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
}

const areaOf = ({ data }: DefectMask) => data.reduce((sum, one) => sum + one, 0) / data.length;

/** A mask in another size, by the nearest pixel. */
function reduced({ width, height, data }: DefectMask, h: number, w: number): Uint8Array {
  if (h === height && w === width) return data;
  const out = new Uint8Array(h * w);
  for (let y = 0; y < h; y++) {
    const row = Math.floor(((y + 0.5) * height) / h) * width;
    for (let x = 0; x < w; x++) out[y * w + x] = data[row + Math.floor(((x + 0.5) * width) / w)]!;
  }
  return out;
}

function figuresOf(judged: readonly Judged[], maps: readonly ScoredMask[], threshold: number) {
  const sound = judged.filter(({ defect }) => defect === undefined);
  const defective = judged.filter(({ defect }) => defect !== undefined);
  const over = (some: readonly Judged[]) =>
    some.length === 0 ? undefined : wilson(some.filter(({ score }) => score > threshold).length, some.length);
  const group = (some: readonly Judged[]): DefectGroup => ({
    images: some.length,
    auroc: ranked([...sound, ...some])?.auroc,
    found: over(some)!,
  });
  const grouped = (groups: readonly (readonly [string, readonly Judged[]])[]) =>
    Object.fromEntries(groups.filter(([, some]) => some.length > 0).map(([name, some]) => [name, group(some)]));
  const kinds = [...new Set(defective.map(({ defect }) => defect!))];
  const sizeOf = (area: number) => sizes.find(([, most]) => area < most)![0];
  return {
    images: { sound: sound.length, defective: defective.length },
    image: ranked(judged),
    pixel: pixelFigures(maps),
    atThreshold: { falseAlarms: over(sound), found: over(defective) },
    byKind: grouped(kinds.map((kind) => [kind, defective.filter(({ defect }) => defect === kind)])),
    bySize: grouped(
      sizes.map(([name]) => [name, defective.filter(({ area }) => area !== undefined && sizeOf(area) === name)]),
    ),
  };
}

const ranked = (judged: readonly Judged[]): Ranking | undefined =>
  rank(
    Float32Array.from(judged, ({ score }) => score),
    Uint8Array.from(judged, ({ defect }) => Number(defect !== undefined)),
  );

function pixelFigures(maps: readonly ScoredMask[]): DefectEvaluation['pixel'] {
  const total = maps.reduce((sum, { scores }) => sum + scores.length, 0);
  const [all, truth] = [new Float32Array(total), new Uint8Array(total)];
  let from = 0;
  for (const { scores, mask } of maps) {
    all.set(scores, from);
    truth.set(mask, from);
    from += scores.length;
  }
  const found = rank(all, truth);
  const pro = aupro(maps);
  if (!found || pro === undefined) return undefined;
  const { auroc, averagePrecision, oracleF1 } = found;
  return { auroc, averagePrecision, oracleF1, aupro: pro };
}
