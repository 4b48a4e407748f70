import { z } from 'zod';
import { answerInThread, type Extension } from '../../serve/index.js';
import { loadDetector } from './detector-folder.js';
import { defectsPage } from './serve-page.js';

const fields = z.strictObject({
  /** Whether the map and the mask come along, as PNG files in base64. */
  maps: z.union([z.boolean(), z.stringbool()]).default(false),
});

/** @internal What the thread is opened with. */
export interface DefectsSetup {
  readonly folder: string;
  readonly threads?: number;
  readonly maxPixels: number;
}

const result = {
  type: 'object',
  properties: {
    pred_score: { type: 'number', description: '0 to 1; 0.5 is the threshold' },
    pred_label: { type: 'boolean', description: 'whether the image is defective' },
    anomaly_map: { type: 'string', description: 'PNG in base64, 255 for 1; with maps=true' },
    pred_mask: { type: 'string', description: 'PNG in base64, 255 where the map is above 0.5; with maps=true' },
    error: { type: 'string', description: 'why the image was not inspected' },
  },
};

/**
 * `POST /v1/defects`: inspects images by a detector, with a page at `/defects`. An image that cannot be inspected has an `error`, the others their
 * answers.
 *
 * @param folder of a detector, or of the run that fitted it
 * @throws UserError where the folder holds no detector
 * @example
 * import { serve } from 'promptkd';
 *
 * const handler = await serve({ models: ['promptkd:emoji-student'], extensions: [await defectsExtension('runs/metal')] });
 */
export async function defectsExtension(folder: string): Promise<Extension> {
  const detector = await loadDetector(folder);
  return {
    path: '/v1/defects',
    summary: 'Whether images of a product are defective, and where',
    fields,
    page: defectsPage(detector),
    answer: {
      type: 'object',
      properties: {
        product: { type: 'string' },
        false_alarms_per_1000: { type: 'number', description: 'at the threshold, expected on sound images' },
        results: { type: 'array', items: result },
      },
      required: ['product', 'results'],
    },
    async open({ workers, threads, maxQueue, maxPixels }) {
      const setup: DefectsSetup = { folder, threads, maxPixels };
      return answerInThread(new URL('./serve-worker.js', import.meta.url), setup, { workers, maxQueue });
    },
  };
}
