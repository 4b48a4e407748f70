import sharp from 'sharp';
import { decodeImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import type { Answerer } from '../../serve/index.js';
import { loadDetector } from './detector-folder.js';
import { openInspector } from './inspect.js';
import type { DefectsSetup } from './serve.js';

/** @internal The thread behind `POST /v1/defects`. */
export async function open({ folder, threads, maxPixels }: DefectsSetup): Promise<Answerer> {
  const detector = await loadDetector(folder);
  const inspector = openInspector(detector, { threads });
  const answer = async (file: Uint8Array, label: string, maps: boolean) => {
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
    async answer({ images, fields }) {
      if (images.length === 0) throw new UserError('images: expected at least one, got none');
      const results = [];
      for (const [i, file] of images.entries()) {
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
