import { z } from 'zod';
import { classTemplate } from '../../prompt/index.js';
import { describeIssue, show, wholeSentence } from '../../schema-issue.js';
import { badRequest } from './fault.js';
import type { Settings } from './options.js';

const model = z.string().max(100).optional().meta({ description: 'Name of a model; the first one by default.' });

/** A cascade has one model more. */
const maxThresholds = 15;

/** Texts of one request for searches, and images of each: all cosines of a search are held at once. */
const [maxSearches, maxHits] = [16, 1000];

/** What may be asked, beside the images; made for a server's limits. */
export function requestSchemas({ maxTexts, maxTextLength }: Pick<Settings, 'maxTexts' | 'maxTextLength'>) {
  const text = z.string().min(1).max(maxTextLength);
  const threshold = z.number();
  return {
    classify: z.strictObject({
      model,
      classes: z
        .array(text)
        .min(1)
        .max(maxTexts)
        .superRefine((names, context) => {
          // Two that are the same would share the probability of one.
          const twice =
            names.length > new Set(names).size ? names.find((name, i) => names.indexOf(name) < i) : undefined;
          if (twice === undefined) return;
          const message = `expected each class once, got ${show(twice)} twice`;
          context.addIssue({ code: 'custom', message, params: wholeSentence });
        })
        .optional()
        .meta({ description: 'Names to choose from; those that the model was exported with by default.' }),
      templates: z
        .array(classTemplate.max(maxTextLength))
        .min(1)
        .max(100)
        .optional()
        .meta({ description: 'Texts of a class, {} or [OBJ] standing for its name; a class is the mean of them.' }),
      top: z.int().min(1).max(maxTexts).default(5).meta({ description: 'How many of the likeliest classes.' }),
      threshold: z
        .union([threshold, z.array(threshold).min(1).max(maxThresholds)])
        .optional()
        .meta({ description: 'Of a cascade, in place of its own; a list where it has more than two models.' }),
      logits: z.boolean().default(false).meta({ description: 'Whether to give the logits of all classes, too.' }),
    }),
    embed: z.strictObject({ model, texts: z.array(text).max(maxTexts).default([]) }),
    similarity: z.strictObject({ model, texts: z.array(text).min(1).max(maxTexts) }),
    search: z.strictObject({
      model,
      texts: z.array(text).max(maxSearches).default([]),
      top: z.int().min(1).max(maxHits).default(10).meta({ description: 'How many images of each search.' }),
    }),
  };
}

export type Schemas = ReturnType<typeof requestSchemas>;

/** @throws Fault naming the field */
export function check<S extends z.ZodObject>(schema: S, fields: unknown): z.infer<S> {
  const parsed = schema.safeParse(fields, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw badRequest(describeIssue(parsed.error.issues[0]!, ['images', ...Object.keys(schema.shape)], indexed));
}

/** `templates[0]` */
const indexed = (path: readonly PropertyKey[]) =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : String(part)))
    .join('.')
    .replaceAll('.[', '[');
