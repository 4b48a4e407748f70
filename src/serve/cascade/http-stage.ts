import {
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type IPolicy,
  isBrokenCircuitError,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import sharp from 'sharp';
import { z } from 'zod';
import type { RawImage } from '../../data/index.js';
import type { Scoring } from '../../math/index.js';
import type { ImageInput } from '../encoder/index.js';
import type { Stage } from './cascade.js';
import type { StageClasses } from './encoder-stage.js';

/** Where another server is, and how it is asked. */
export interface RemoteOptions {
  /** Address of a server that `promptkd serve` runs, as https://host:8080, or https://host/clip behind a proxy. */
  readonly url: string;
  /** Name of the model there; its first one by default. */
  readonly model?: string;
  /** Bearer key. */
  readonly key?: string;
  /** Of one attempt. @defaultValue 2000 */
  readonly timeoutMs?: number;
  /** Attempts after the first. @defaultValue 2 */
  readonly retries?: number;
  /** Before the first retry; doubled, with jitter, for the next. @defaultValue 100 */
  readonly backoffMs?: number;
  /** Failed attempts in a row after which it is left alone. @defaultValue 5 */
  readonly breakAfter?: number;
  /** For how long. @defaultValue 10000 */
  readonly breakMs?: number;
}

/** Images of one request: within the other side's limits. */
const block = 16;
const answer = z.object({
  results: z.array(
    z.object({ logits: z.array(z.number()), scoring: z.enum(['softmax', 'sigmoid']).default('softmax') }),
  ),
});

/** A failure that may pass: the network, a full queue, a fault of the server. */
class Passing extends Error {}

/**
 * A model behind HTTP. Each attempt has a timeout; what may pass is tried again with backoff; after some failures in a
 * row the circuit opens and requests fail at once, until one attempt is let through again. The state is the model's, so
 * keep it for as long as the model is used.
 */
export class RemoteModel {
  private readonly policy: IPolicy;
  private readonly address: URL;
  /** How the last answer's logits became probabilities. */
  private readonly scored: { by: Scoring } = { by: 'softmax' };
  /** Of the last attempt that failed. */
  private lastFailure = '';

  constructor(private readonly options: RemoteOptions) {
    this.address = new URL(options.url);
    this.address.pathname = `${this.address.pathname.replace(/\/$/, '')}/v1/classify`;
    const { timeoutMs = 2000, retries = 2, backoffMs = 100, breakAfter = 5, breakMs = 10_000 } = options;
    const passing = handleWhen((error) => error instanceof Passing || error.name === 'TaskCancelledError');
    const breaker = circuitBreaker(passing, {
      halfOpenAfter: breakMs,
      breaker: new ConsecutiveBreaker(breakAfter),
    });
    breaker.onFailure(({ reason }) => {
      if ('error' in reason) this.lastFailure = reason.error.message;
    });
    this.policy = wrap(
      retry(passing, { maxAttempts: retries, backoff: new ExponentialBackoff({ initialDelay: backoffMs }) }),
      breaker,
      timeout(timeoutMs, TimeoutStrategy.Aggressive),
    );
  }

  /** @throws Error from its `logits` where the model gives no answer */
  stage(name: string, classes: StageClasses): Stage<ImageInput> {
    const { scored } = this;
    return {
      name,
      // As the other side's last answer said; it is asked for after one.
      get scoring() {
        return scored.by;
      },
      logits: async (inputs, signal) => {
        const all: number[][] = [];
        for (let from = 0; from < inputs.length; from += block) {
          const encoded = await Promise.all(inputs.slice(from, from + block).map(base64));
          const body = JSON.stringify({ model: this.options.model, images: encoded, ...classes, top: 1, logits: true });
          all.push(...(await this.ask(body, encoded.length, classes.classes.length, signal)));
        }
        return all;
      },
    };
  }

  private async ask(body: string, images: number, classes: number, signal?: AbortSignal): Promise<number[][]> {
    try {
      return await this.attempts(body, images, classes, signal);
    } catch (error) {
      throw isBrokenCircuitError(error) ? new Error(`left alone for now: ${this.lastFailure}`) : error;
    }
  }

  private attempts(body: string, images: number, classes: number, signal?: AbortSignal): Promise<number[][]> {
    const { key } = this.options;
    return this.policy.execute(async ({ signal: stopped }) => {
      const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
      let response: Response;
      let json: unknown;
      try {
        response = await fetch(this.address, {
          ...{ method: 'POST', headers, body, redirect: 'error', signal: stopped },
        });
        json = response.ok ? await response.json() : await response.body?.cancel();
      } catch (error) {
        throw new Passing(
          `no answer: ${((error as Error).cause as Error | undefined)?.message ?? (error as Error).message}`,
        );
      }
      const { status } = response;
      if (status === 429 || status >= 500) throw new Passing(`answered ${status}`);
      if (status === 401) throw new Error('answered 401: the bearer key is wrong or missing');
      if (!response.ok) throw new Error(`answered ${status}`);
      const results = answer.safeParse(json).data?.results;
      const rows = results?.map(({ logits }) => logits);
      if (rows?.length !== images || rows.some((row) => row.length !== classes)) {
        throw new Error(`expected logits of ${images} images and ${classes} classes, got something else`);
      }
      this.scored.by = results?.[0]?.scoring ?? 'softmax';
      return rows;
    }, signal);
  }
}

/** Files go as they are; decoded images as PNG, which loses nothing. */
async function base64(image: ImageInput): Promise<string> {
  const file = image instanceof Uint8Array ? image : await png(image);
  return Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString('base64');
}

function png({ data, width, height, channels }: RawImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels } }).png({ compressionLevel: 3 }).toBuffer();
}
