import { z } from 'zod';
import { imageFormats } from './image-format.js';
import type { Settings } from './options.js';
import type { Schemas } from './requests.js';

const about: Readonly<Record<keyof Schemas, string>> = {
  classify: 'The likeliest classes of images',
  embed: 'Embeddings of images and texts, of unit length',
  similarity: 'Cosines between images and texts',
  search: 'The nearest images of each image and text, of those that the server searches',
};

const number = { type: 'number' };
const string = { type: 'string' };
const row = { type: 'array', items: number };
const rows = { type: 'array', items: row };
const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const model = { type: 'string', description: 'Name of the model that answered.' };

const answers: Readonly<Record<keyof Schemas, object>> = {
  classify: object({
    model,
    results: {
      type: 'array',
      description: 'One an image, in their order.',
      items: object(
        {
          top: { type: 'array', items: object({ class: { type: 'string' }, probability: number }) },
          confidence: { ...number, description: 'What a cascade compares with its threshold.' },
          scoring: {
            enum: ['softmax', 'sigmoid'],
            description:
              'What probabilities are: a choice among the classes, or (SigLIP) a decision for each by itself.',
          },
          stage: { type: 'integer', description: 'Of a cascade: which model answered, from 0.' },
          degraded: { type: 'boolean', description: 'Of a cascade: a later model should have answered and could not.' },
          logits: row,
        },
        ['stage', 'degraded', 'logits'],
      ),
    },
  }),
  embed: object({ model, width: { type: 'integer' }, images: rows, texts: rows }),
  similarity: object(
    {
      model,
      scale: { ...number, description: 'exp(logit_scale)' },
      bias: { ...number, description: 'logit_bias, of a SigLIP' },
      similarity: rows,
    },
    ['bias'],
  ),
  search: object({
    model,
    results: {
      type: 'array',
      description: 'One an image, then one a text, in their order.',
      items: {
        type: 'array',
        items: object(
          {
            ...{ score: { ...number, description: 'Cosine.' }, id: string, dataset: string, image_path: string },
            ...{
              caption: string,
              captions: { type: 'array', items: string },
              split: string,
              class: string,
              artist: string,
            },
          },
          ['class', 'artist'],
        ),
      },
    },
  }),
};

const fault = object({
  error: object({ code: { type: 'string' }, message: { type: 'string' }, request: { type: 'string' } }),
});
const json = (schema: object) => ({ 'application/json': { schema } });
const refused = (description: string) => ({ description, content: json(fault) });
const later = { 'retry-after': { schema: { type: 'integer' }, description: 'Seconds' } };

/** The server's description in OpenAPI 3.1, from the schemas that requests are checked with. */
export function openapi(settings: Settings, schemas: Schemas): object {
  const { maxImages, maxBodyBytes, maxPixels, keys } = settings;
  const secured = keys?.length ? [{ bearer: [] }] : [];
  const limits = `At most ${maxImages} images of ${maxPixels / 1e6} million pixels, and ${maxBodyBytes} bytes, a request.`;
  const get = (summary: string, description: string, security: object[] = []) => ({
    get: { summary, security, responses: { 200: { description } } },
  });
  const post = (summary: string, schema: z.ZodObject, answer: object) => {
    const { $schema: _, ...own } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
    const withImages = (items: object) => ({
      ...own,
      properties: { images: { type: 'array', maxItems: maxImages, items }, ...(own.properties as object) },
    });
    return {
      post: {
        summary,
        description: `${imageFormats.join(', ')}. ${limits}`,
        security: secured,
        requestBody: {
          required: true,
          content: {
            ...json(withImages({ type: 'string', contentEncoding: 'base64' })),
            'multipart/form-data': { schema: withImages({ type: 'string', format: 'binary' }) },
          },
        },
        responses: {
          200: { description: summary, content: json(answer) },
          400: refused('A field or an image is wrong; the message says which.'),
          401: refused('A bearer key is missing or wrong.'),
          403: refused('A browser sends it for a page of another site.'),
          404: refused('There is no model of this name, or nothing to search.'),
          408: refused('The body came too slowly.'),
          413: refused('The body, or its images together, are too large.'),
          415: refused('The body or an image is of another type.'),
          429: { ...refused('The queue, or the room for bodies, is full.'), headers: later },
          503: { ...refused('The server is starting or stopping.'), headers: later },
          504: refused('There was no answer in time.'),
        },
      },
    };
  };
  const ownPost = (name: keyof Schemas) => post(about[name], schemas[name], answers[name]);
  return {
    openapi: '3.1.0',
    info: { title: 'promptkd', version: '1', description: 'CLIP-style models, and cascades of them.' },
    paths: {
      '/v1/classify': ownPost('classify'),
      '/v1/embed': ownPost('embed'),
      '/v1/similarity': ownPost('similarity'),
      '/v1/search': ownPost('search'),
      ...Object.fromEntries(
        settings.extensions.map(({ path, summary, fields, answer }) => [path, post(summary, fields, answer)]),
      ),
      '/v1/models': get('The models that are served', 'Names, sizes, and the stages of cascades', secured),
      '/healthz': get('Whether the process answers', 'It does'),
      '/readyz': get('Whether requests are taken', 'They are; 503 where not'),
      '/metrics': get('Figures for Prometheus', 'In its text form', secured),
    },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}
