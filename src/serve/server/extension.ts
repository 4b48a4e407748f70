import { z } from 'zod';
import { UserError } from '../../errors.js';
import { badRequest } from './fault.js';
import type { Settings } from './options.js';

/** What is asked of an extension: image files, and its fields as its schema gives them. */
export interface ExtensionRequest<Fields = Record<string, unknown>> {
  /** JPEG, PNG, WebP, AVIF or GIF files; their pixels are within the server's budget, but they may still be broken. */
  readonly images: readonly Uint8Array[];
  readonly fields: Fields;
}

/** An extension that is open. */
export interface Answerer<Fields = Record<string, unknown>> {
  /**
   * @param signal is aborted when nobody waits for the answer any more
   * @returns what is sent, as JSON
   * @throws UserError for a request that cannot be answered: it is sent with status 400; Fault for any other status
   */
  answer(request: ExtensionRequest<Fields>, signal: AbortSignal): Promise<object>;
  /** Ends after the work that is under way. */
  close(): Promise<void>;
}

/** A page of an extension: one file, which fetches nothing but the server's answers. */
export interface ExtensionPage {
  /** `/NAME`, the name in small letters and hyphens. */
  readonly path: string;
  /** The whole document. */
  readonly markup: string;
  /** The contents of its one script and its one style element, as they stand in the document: nothing else may run. */
  readonly script: string;
  readonly style: string;
}

/**
 * One more thing that a server answers, beside the models. The server's limits, keys, cross-site checks, pixel budget,
 * metrics and description in OpenAPI apply to it as to its own routes. It is opened with the models, and anew at a reload.
 *
 * @example
 * import { serve } from 'promptkd';
 * import { z } from 'zod'; // the version that promptkd depends on
 *
 * const count: Extension = {
 *   path: '/v1/count',
 *   summary: 'How many images there are',
 *   fields: z.strictObject({}),
 *   answer: { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'] },
 *   open: async () => ({ answer: async ({ images }) => ({ count: images.length }), close: async () => {} }),
 * };
 * const handler = await serve({ models: ['promptkd:emoji-student'], extensions: [count] });
 */
export interface Extension {
  /** `/v1/NAME`, the name in small letters and hyphens. */
  readonly path: string;
  /** What it answers, in a line for the description of the server. */
  readonly summary: string;
  /** What a request may have beside `images`; `z.strictObject`, so that an unknown field is refused. */
  readonly fields: z.ZodObject;
  /** JSON schema of an answer. */
  readonly answer: object;
  /** To try it in a browser. */
  readonly page?: ExtensionPage;
  /**
   * Loads what it needs. What computes for long should do so in a thread: see `answerInThread`.
   *
   * @throws UserError where something cannot be read
   */
  open(settings: Settings): Promise<Answerer>;
}

/** Paths of the server's own. */
const own = ['classify', 'embed', 'similarity', 'search', 'models'].map((name) => `/v1/${name}`);

/** @throws UserError where a path is not of the form, the server's own, or there twice */
export function checkExtensions(extensions: readonly Extension[]): void {
  const seen = new Set(own);
  for (const { path } of extensions) {
    if (!/^\/v1\/[a-z][a-z-]*$/.test(path)) {
      throw new UserError(`extensions: expected a path of the form /v1/name, got ${path}`);
    }
    if (seen.has(path)) throw new UserError(`extensions: expected each path once, got ${path} twice`);
    seen.add(path);
  }
}

/** Fields of a schema that are lists of texts: a form may hold these more than once. */
export function listFields({ shape }: z.ZodObject): string[] {
  return Object.entries(shape).flatMap(([name, field]) => (holdsList(field) ? [name] : []));
}

function holdsList(field: z.core.$ZodType): boolean {
  if (field instanceof z.ZodOptional || field instanceof z.ZodDefault) return holdsList(field.unwrap());
  return field instanceof z.ZodArray;
}

/** Extensions that are open, by path. */
export class OpenExtensions {
  private constructor(private readonly byPath: ReadonlyMap<string, Answerer>) {}

  /** @throws whatever one of them throws; the others are closed then */
  static async open(settings: Settings): Promise<OpenExtensions> {
    const byPath = new Map<string, Answerer>();
    try {
      for (const extension of settings.extensions) byPath.set(extension.path, await extension.open(settings));
      return new OpenExtensions(byPath);
    } catch (error) {
      await new OpenExtensions(byPath).close();
      throw error;
    }
  }

  /** @throws Fault where the request cannot be answered; the signal's reason where it is aborted */
  async answer(path: string, request: ExtensionRequest, signal: AbortSignal): Promise<object> {
    signal.throwIfAborted();
    let stop = () => {};
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([this.byPath.get(path)!.answer(request, signal), aborted]);
    } catch (error) {
      throw error instanceof UserError ? badRequest(error.message) : error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.byPath.values()].map((one) => one.close()));
  }
}
