import { z } from 'zod';
import { UserError } from '../errors.js';
import { checkFields } from '../schema-issue.js';
import type { Answer, CascadeStage, Confidence } from '../serve/index.js';
import * as fields from './call-fields.js';
import { type ClassProbability, likeliestFirst } from './classify.js';
import { type GivenImage, imageBytes } from './given-image.js';
import { type AnyModel, type EncodeOptions, openEncoder } from './open-encoder.js';

/** Two models, the faster first. */
export interface TwoModels {
  readonly student: AnyModel;
  readonly teacher: AnyModel;
  /** Answers that the student is less sure of are the teacher's. */
  readonly threshold: number;
  /** Of the student's probabilities. @defaultValue 1 */
  readonly temperature?: number;
  /** @defaultValue probability */
  readonly confidence?: Confidence;
}

/** Options of {@link cascade}. */
export interface CascadeOptions extends EncodeOptions {
  /** Names to choose from. */
  readonly classes: readonly string[];
  /** Texts of a class, of all models. @defaultValue each model's own */
  readonly templates?: readonly string[];
}

const optionFields = z.object({
  classes: fields.texts,
  templates: fields.texts.optional(),
  ...fields.encodeFields,
} satisfies Record<keyof CascadeOptions, z.ZodType>);

const sourceFields = z.object({
  student: fields.model,
  teacher: fields.model,
  threshold: z.number(),
  temperature: z.number().positive().optional(),
  confidence: z.string().optional(),
} satisfies Record<keyof TwoModels, z.ZodType>);

/** What a cascade says of an image. */
export interface CascadeAnswer {
  /** The likeliest first. */
  readonly top: readonly ClassProbability[];
  readonly confidence: number;
  /** Which model answered, from 0. */
  readonly stage: number;
  /** A later model should have answered and could not, and why. */
  readonly unanswered?: string;
}

/** A cascade whose models are open. */
export interface OpenCascade {
  /** One answer an image, in their order. @throws UserError for an image that cannot be read */
  classify(images: readonly GivenImage[]): Promise<CascadeAnswer[]>;
  close(): Promise<void>;
}

/**
 * Opens a cascade: a fast model answers what it is sure of, and a slower one the rest.
 *
 * @param source the file that `promptkd cascade tune` wrote, or two models with a threshold
 * @throws UserError where a model or the file cannot be read, or for an option that is not there
 * @example
 * const models = { student: 'promptkd:emoji-student', teacher: 'promptkd:emoji-teacher', threshold: 0.8 };
 * const both = await cascade(models, { classes: ['cat', 'dog'] });
 * const [answer] = await both.classify(['cat.png']);
 * await both.close();
 */
export async function cascade(source: string | TwoModels, options: CascadeOptions): Promise<OpenCascade> {
  if (typeof source !== 'string') checkFields('cascade', sourceFields, source);
  checkFields('cascade', optionFields, options);
  const serving = await import('../serve/index.js');
  const releases: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const release of releases.splice(0)) await release();
  };
  const local = async (name: string, model: AnyModel, templates = options.templates) => {
    const { encoder, release } = await openEncoder(model, options);
    releases.push(release);
    return serving.encoderStage(name, encoder, { classes: options.classes, templates });
  };
  const { classes } = options;
  if (classes.length === 0) throw new UserError('classes: expected at least one class name, got none');
  try {
    const stages: CascadeStage<Uint8Array>[] = [];
    let confidence: Confidence | undefined;
    if (typeof source === 'string') {
      const saved = await serving.readCascade(source);
      confidence = saved.confidence;
      for (const [s, stage] of saved.stages.entries()) {
        const { temperature, threshold } = stage;
        const name = `stage ${s}`;
        const templates = options.templates ?? saved.templates ?? stage.templates;
        const asked =
          'url' in stage
            ? serving.remoteModel(source, s, stage).stage(name, { classes, templates })
            : await local(name, stage.model, templates);
        stages.push({ stage: asked, temperature, threshold });
      }
    } else {
      const { student, teacher, threshold, temperature } = source;
      confidence = source.confidence;
      stages.push({ stage: await local('student', student), temperature, threshold });
      stages.push({ stage: await local('teacher', teacher) });
    }
    const opened = serving.cascade({ stages, confidence });
    return {
      classify: async (images) => {
        const answers = await opened.classify(await Promise.all(images.map(imageBytes)));
        return answers.map((answer) => answerOf(answer, classes));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function answerOf({ probabilities, confidence, stage, unanswered }: Answer, classes: readonly string[]): CascadeAnswer {
  const top = likeliestFirst(classes, probabilities);
  return { top, confidence, stage, ...(unanswered !== undefined && { unanswered }) };
}
