import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import { longestTimer } from '../timer.js';
import type { Extension } from './extension.js';

/** All limits of a server; what is not given is as here. */
export const serverDefaults = {
  /** Only this machine. */
  host: '127.0.0.1',
  /** 0: any free one. */
  port: 8080,
  /** Worker threads a model. */
  workers: 1,
  /** Most images computed together; 1: no batching. */
  maxBatch: 32,
  /** Longest that an image waits for others. */
  maxWaitMs: 2,
  /** Most images of a model that wait. */
  maxQueue: 256,
  /** Of one request. */
  maxBodyBytes: 16 * 2 ** 20,
  /** Of all requests that are being read or answered; one body of the largest size always fits. */
  maxHeldBytes: 256 * 2 ** 20,
  maxPixels: 32_000_000,
  maxImages: 32,
  maxTexts: 2048,
  maxTextLength: 1000,
  /** From a request's head to its answer. */
  timeoutMs: 30_000,
  /** For a request's head alone. */
  headersTimeoutMs: 10_000,
  /** For a request to arrive whole. */
  bodyTimeoutMs: 30_000,
  /** A body that is slower than so many bytes a second … */
  minBodyRate: 8192,
  /** … over this time is refused. */
  bodyWindowMs: 5000,
  /** How long requests under way may take after a signal to stop. */
  graceMs: 30_000,
};

type Limits = { readonly [name in keyof typeof serverDefaults]: (typeof serverDefaults)[name] };

/** Options of {@link ModelServer.start}: models, address, limits and keys. */
export interface ServerOptions extends Partial<Limits> {
  /** Folders, hub ids or cascade files, as `path` or `name=path`. */
  readonly models: readonly string[];
  /** Bearer keys, one of which is asked for. */
  readonly keys?: readonly string[];
  /** Lets anyone ask who reaches it: without keys a server listens on this machine alone otherwise. */
  readonly withoutKeys?: boolean;
  /** Folder of embeddings that `/v1/search` searches. */
  readonly search?: string;
  /** What it answers beside. */
  readonly extensions?: readonly Extension[];
  /** Threads of one op in a worker; by default the workers of a model share the cores. */
  readonly threads?: number;
}

/** Any, also infinity; which one fits is checked where it is used. */
const number = z.custom<number>((value) => typeof value === 'number', { error: 'expected number' }).optional();
const namesOfLimits = Object.keys(serverDefaults).filter((name) => name !== 'host') as Exclude<keyof Limits, 'host'>[];
const texts = z.array(z.string().min(1));

/** What a program gives a server, whose types nobody may have checked. */
export const serverFields = z.object({
  ...(Object.fromEntries(namesOfLimits.map((name) => [name, number])) as Record<
    (typeof namesOfLimits)[number],
    typeof number
  >),
  host: z.string().optional(),
  models: texts,
  keys: texts.optional(),
  withoutKeys: z.boolean().optional(),
  search: z.string().optional(),
  extensions: z.array(z.unknown()).optional(),
  threads: number,
} satisfies Record<keyof ServerOptions, z.ZodType>);

export type Settings = Limits &
  Pick<ServerOptions, 'models' | 'keys' | 'withoutKeys' | 'search'> & {
    readonly threads: number;
    readonly extensions: readonly Extension[];
    /** Of all images of a request; one of the largest size always fits. */
    readonly maxRequestPixels: number;
    /** Of those of all requests under way. */
    readonly maxHeldPixels: number;
  };

export function withDefaults(options: ServerOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...serverDefaults, ...given } as Settings;
  return {
    ...settings,
    extensions: options.extensions ?? [],
    maxHeldBytes: Math.max(settings.maxHeldBytes, settings.maxBodyBytes),
    maxRequestPixels: 4 * settings.maxPixels,
    maxHeldPixels: 8 * settings.maxPixels,
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / settings.workers)),
  };
}

/** What they are called on the command line, and in how many ms they are counted there; the others by their own names. */
const flags: Readonly<Record<string, readonly [string, number]>> = {
  maxWaitMs: ['--max-wait', 1],
  timeoutMs: ['--timeout', 1000],
  graceMs: ['--grace', 1000],
};

/** @throws UserError for a time that no timer can take */
export function checkTimes(settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    const ms = Number(value);
    if (!name.endsWith('Ms') || (ms >= 0 && ms <= longestTimer)) continue;
    const [called, unit] = flags[name] ?? [name, 1];
    const unitName = unit === 1 ? 'ms' : 's';
    throw new UserError(
      `${called}: expected 0 to ${Math.floor(longestTimer / unit)} ${unitName}, got ${ms / unit} ${unitName}`,
    );
  }
}
