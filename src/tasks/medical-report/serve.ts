import { z } from 'zod';
import { answerInThread, type Extension } from '../../serve/index.js';
import type { DraftSetup } from './serve-worker.js';

const answer = {
  type: 'object',
  description:
    'A draft: research use only, not a medical device, to be reviewed by a clinician. Its header is always there.',
  properties: {
    header: { type: 'string' },
    text: { type: 'string', description: 'The draft in words, where text was asked for.' },
    sentences: { type: 'array', items: { type: 'object' }, description: 'With the evidence of each.' },
    findings: { type: 'array', items: { type: 'object' }, description: 'With calibrated probabilities.' },
    no_statement_about: { type: 'array', items: { type: 'string' } },
    far_from_index: { type: 'object' },
    made_by: { type: 'object' },
    review: { type: 'object', description: 'To be filled in by who reviews it.' },
  },
  required: ['header'],
};

/**
 * `POST /v1/medical-report`: the draft of a report of one study, made in a thread of its own. Neither images nor texts are logged.
 *
 * @param model folder of the model that the index stands on
 * @param index folder of the index, or of the run that made it
 * @example
 * import { serve } from 'promptkd';
 *
 * const model = 'runs/phantom-student';
 * const handler = await serve({ models: [model], extensions: [medicalReportExtension(model, 'runs/phantom-reports')] });
 */
export function medicalReportExtension(model: string, index: string): Extension {
  return {
    path: '/v1/medical-report',
    summary: 'A draft of a report of a study’s images, for review by a clinician; research use only',
    fields: z.strictObject({
      text: z
        .preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
        .default(false)
        .meta({ description: 'Whether the draft comes in words, under its header.' }),
    }),
    answer,
    open({ workers, threads, maxQueue, maxPixels }) {
      const setup: DraftSetup = { model, index, threads, maxPixels };
      return answerInThread(new URL('./serve-worker.js', import.meta.url), setup, { workers, maxQueue });
    },
  };
}
