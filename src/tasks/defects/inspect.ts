import type { RawImage } from '../../data/index.js';
import type { Detector } from './detector.js';
import { detectorGraph, storedValues } from './graph/detector-graph.js';
import { ImageProgram, type InspectOptions } from './image-program.js';

/** What a detector says of an image. */
export interface Inspection {
  /** 0 to 1; 0.5 is the threshold. */
  readonly score: number;
  readonly defective: boolean;
  /** The same of each pixel [height, width]. */
  readonly map: Float32Array;
  /** 1 where the map is above 0.5, otherwise 0 [height, width] */
  readonly mask: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A detector, ready to inspect. */
export interface Inspector {
  /**
   * @param label names the image in errors
   * @throws UserError for an image of another size than those that the detector was fitted on
   */
  inspect(image: RawImage, label: string): Promise<Inspection>;
  dispose(): Promise<void>;
}

/**
 * Opens a detector. Its graph is the one that `exportDetector` writes; it is compiled when the first image comes.
 *
 * @example
 * import { decodeImage } from 'promptkd/data';
 *
 * const inspector = openInspector(await loadDetector('runs/metal'));
 * const { score, defective } = await inspector.inspect(await decodeImage('part.png', 'part.png', { longest: Infinity }), 'part.png');
 * await inspector.dispose();
 */
export function openInspector(detector: Detector, options: InspectOptions = {}): Inspector {
  const program = new ImageProgram(
    (size) => {
      const { pred_score, anomaly_map } = detectorGraph(detector, size).outputs;
      return { outputs: { pred_score, anomaly_map }, weights: storedValues(detector) };
    },
    options,
    detector.size,
  );
  return {
    async inspect(image, label) {
      const { pred_score: score, anomaly_map: found } = await program.run(image, label);
      return inspectionOf(score!.data[0]!, (found!.data as Float32Array).slice(), image);
    },
    dispose: () => program.dispose(),
  };
}

/** @internal An inspection of what a detector's graph gives. */
export function inspectionOf(score: number, map: Float32Array, { width, height }: Pick<RawImage, 'width' | 'height'>) {
  const mask = Uint8Array.from(map, (x) => Number(x > 0.5));
  return { score, defective: score > 0.5, map, mask, width, height };
}
