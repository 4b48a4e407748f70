import { z } from 'zod';
import { answerInThread, type Extension } from '../../serve/index.js';
import { longestQuestion } from './checked-question.js';
import type { AskSetup } from './serve-worker.js';

const answer = {
  type: 'object',
  properties: {
    answer: { type: 'string' },
    confidence: { type: 'number', description: 'How right the head expects the answer to be, from 0 to 1.' },
    top: {
      type: 'array',
      items: {
        type: 'object',
        properties: { answer: { type: 'string' }, confidence: { type: 'number' } },
        required: ['answer', 'confidence'],
      },
    },
    cached: { type: 'boolean', description: 'Whether the image was asked about before: its features are kept.' },
  },
  required: ['answer', 'confidence', 'top', 'cached'],
};

/**
 * `POST /v1/ask`: a question about one image, answered by a head in a thread of its own.
 *
 * @param model folder of the model that the head was trained on
 * @param head folder of the head, or of the run that trained it
 * @example
 * import { serve } from 'promptkd';
 *
 * const model = 'promptkd:emoji-student';
 * const handler = await serve({ models: [model], extensions: [vqaExtension(model, 'runs/vqa')] });
 */
export function vqaExtension(model: string, head: string): Extension {
  return {
    path: '/v1/ask',
    summary: 'The answer to a question about an image',
    fields: z.strictObject({
      question: z.string().trim().min(1).max(longestQuestion),
      top: z.int().min(1).max(100).default(5).meta({ description: 'How many of the likeliest answers.' }),
      answers: z
        .array(z.string().min(1).max(200))
        .min(1)
        .max(1000)
        .optional()
        .meta({ description: 'Answers to choose from, of those that the head knows; all by default.' }),
    }),
    answer,
    open({ workers, threads, maxQueue, maxPixels }) {
      const setup: AskSetup = { model, head, threads, maxPixels };
      return answerInThread(new URL('./serve-worker.js', import.meta.url), setup, { workers, maxQueue });
    },
  };
}
