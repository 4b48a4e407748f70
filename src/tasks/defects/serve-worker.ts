import sharp from 'sharp';
import { decodeImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import type { Answerer } from '../../serve/index.js';
import type { Detector } from './detector.js';
import { loadDetector } from './detector-folder.js';
import { checkSize } from './image-program.js';
import { openInspector } from './inspect.js';
import type { DefectsSetup } from './serve.js';

/**
 * Most pixels of an image, where the detector takes any size: a graph is made for each, and at full size its map takes some
 * 140 bytes a pixel and half a second a million. Who fits on images of one size has chosen it.
 */
const mostPixels = 4e6;

/** @internal The thread behind `POST /v1/defects`. */
export async function open({ folder, threads, maxPixels }: DefectsSetup): Promise<Answerer> {
  const detector = await loadDetector(folder);
  const inspector = openInspector(detector, { threads });
  const answer = async (file: Uint8Array, label: string, maps: boolean) => {
    await checkHead(file, label, detector.size);
    const image = await decodeImage(file, label, { maxPixels, longest: Number.POSITIVE_INFINITY });
    const { score, defective, map, mask, width, height } = await inspector.inspect(image, label);
    const png = async (data: Uint8Array) =>
      (
        await sharp(data, { raw: { width, height, channels: 1 } })
          .png()
          .toBuffer()
      ).toString('base64');
    return {
      ...{ pred_score: score, pred_label: defective },
      ...(maps && {
        anomaly_map: await png(Uint8Array.from(map, (x) => Math.round(255 * x))),
        pred_mask: await png(mask.map((one) => 255 * one)),
      }),
    };
  };
  return {
    async answer({ images, fields }, signal) {
      if (images.length === 0) throw new UserError('images: expected at least one, got none');
      const results = [];
      for (const [i, file] of images.entries()) {
        signal.throwIfAborted();
        results.push(
          await answer(file, `images[${i}]`, fields.maps === true).catch((error: unknown) => {
            if (error instanceof UserError) return { error: error.message };
            throw error;
          }),
        );
      }
      return {
        product: detector.product,
        false_alarms_per_1000: detector.limits.image.falseAlarms.expected,
        results,
      };
    },
    close: () => inspector.dispose(),
  };
}

/** Refuses an image by its head, before all of it is decoded. @throws UserError for one of a size that is not inspected */
async function checkHead(file: Uint8Array, label: string, fitted: Detector['size']): Promise<void> {
  // What has no head is refused where it is decoded.
  const { autoOrient } = await sharp(file, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ autoOrient: undefined }));
  if (!autoOrient) return;
  checkSize(autoOrient, fitted, label);
  const { width, height } = autoOrient;
  if (!fitted && width * height > mostPixels) {
    throw new UserError(
      `${label}: expected at most ${mostPixels / 1e6} million pixels, got ${width} × ${height}: make it smaller, or have the detector fitted on images of that one size`,
    );
  }
}
