import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onWhite } from '../../augment/index.js';
import type { RawImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { fillFolder } from '../../files/index.js';
import { OnnxFile } from '../../runtime/index.js';
import { toOnnx } from '../../tensor/index.js';
import { storedWeights } from '../stored-weights.js';
import type { Detector } from './detector.js';
import { detectorGraph } from './graph/detector-graph.js';
import type { InspectOptions } from './image-program.js';
import { openInspector } from './inspect.js';
import { falseAlarmsAt, mappedScore } from './threshold.js';

/** The files of an export. */
export const exportFiles = { graph: 'detector.onnx', about: 'inspection.json' } as const;

/** An image by which an export is checked. */
export interface Probe {
  readonly label: string;
  readonly image: RawImage;
}

/** Options of {@link exportDetector}. */
export interface ExportDetectorOptions extends InspectOptions {
  readonly detector: Detector;
  readonly out: string;
  /** By which the file is checked against the detector; at least one. */
  readonly probes: readonly Probe[];
}

/** How far the file and the detector are apart. */
export interface ExportCheck {
  readonly images: number;
  /** Largest difference of a score, and of a pixel of a map. */
  readonly score: number;
  readonly map: number;
}

/** The most that a score, or a pixel, may differ. */
const tolerance = 1e-3;

/**
 * Writes a detector as one ONNX file, from the decoded image (`image`, uint8 [1, H, W, 3], RGB) to `pred_score`,
 * `pred_label`, `anomaly_map` and `pred_mask`, and runs images through both.
 *
 * @throws UserError where a score differs by more than 0.001 or a label flips: then nothing is written; without probes
 * @example
 * import { decodeImage } from 'promptkd/data';
 *
 * const detector = await loadDetector('runs/metal');
 * const probes = [{ label: 'part.png', image: await decodeImage('part.png', 'part.png', { longest: Infinity }) }];
 * await exportDetector({ detector, out: 'metal-detector', probes });
 */
export async function exportDetector(options: ExportDetectorOptions): Promise<ExportCheck> {
  const { detector, out, probes } = options;
  if (probes.length === 0) throw new UserError('export: expected images to check the file by, got none');
  const { result } = await fillFolder(out, [], async (unfinished) => {
    const file = join(unfinished, exportFiles.graph);
    await writeFile(file, detectorOnnx(detector));
    const check = await verifyDetector(file, options);
    await writeFile(
      join(unfinished, exportFiles.about),
      `${JSON.stringify(aboutDetector(detector, check), null, 2)}\n`,
    );
    return { files: [exportFiles.about, exportFiles.graph], result: check };
  });
  return result;
}

/** A detector's ONNX file. */
export function detectorOnnx(detector: Detector): Uint8Array {
  const { outputs, weights } = detectorGraph(detector, detector.size ?? ['height', 'width']);
  return toOnnx({ outputs, initializers: storedWeights(weights, detector.dtype) }).bytes;
}

/**
 * Runs images through an ONNX file and the detector that it was made of.
 *
 * @throws UserError where a score differs by more than 0.001 or a label flips
 */
export async function verifyDetector(
  file: string,
  { detector, probes, ...options }: Pick<ExportDetectorOptions, 'detector' | 'probes' | 'device' | 'threads'>,
): Promise<ExportCheck> {
  const { device, threads } = options;
  const exported = await OnnxFile.open(file, { device, threads });
  const inspector = openInspector(detector, { device, threads });
  let [score, map] = [0, 0];
  try {
    for (const { label, image } of probes) {
      const expected = await inspector.inspect(image, label);
      const feed = { shape: [1, image.height, image.width, 3], data: onWhite(image) };
      const { pred_score, pred_label, anomaly_map } = await exported.run({ image: feed });
      const own = Math.abs(pred_score!.data[0]! - expected.score);
      const flipped = Boolean(pred_label!.data[0]) !== expected.defective;
      if (own > tolerance || flipped) {
        throw new UserError(
          `${label}: the exported file gives ${pred_score!.data[0]!.toFixed(4)} where the detector gives ${expected.score.toFixed(4)}${flipped ? ', and the decision flips' : ''}: expected at most ${tolerance} of difference; nothing is exported`,
        );
      }
      score = Math.max(score, own);
      for (const [i, x] of expected.map.entries()) map = Math.max(map, Math.abs(anomaly_map!.data[i]! - x));
    }
    if (map > tolerance) {
      throw new UserError(
        `a pixel's score of the exported file differs by ${map.toFixed(4)}: expected at most ${tolerance}`,
      );
    }
  } finally {
    await Promise.all([exported.dispose(), inspector.dispose()]);
  }
  return { images: probes.length, score, map };
}

/** What a reader of the file wants to know. */
function aboutDetector({ product, dtype, learned, size, limits, view }: Detector, check: ExportCheck) {
  const { image } = limits;
  return {
    product,
    mode: learned.mode,
    dtype,
    view,
    input: { image: `uint8 [1, ${size ? size.join(', ') : 'height, width'}, 3], RGB as decoded` },
    outputs: {
      pred_score: 'float [1], 0.5 is the threshold',
      pred_label: 'bool [1]',
      anomaly_map: 'float [1, 1, height, width], 0.5 is the threshold',
      pred_mask: 'bool [1, 1, height, width]',
    },
    false_alarms_per_1000: image.falseAlarms,
    /** What the sound images score by which the threshold was set. */
    sound_scores: image.sound.map((score) => mappedScore(score, image)),
    at_half: falseAlarmsAt(image, image.value),
    checked: check,
  };
}
