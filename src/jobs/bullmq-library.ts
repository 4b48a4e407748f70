import { UserError } from '../errors.js';

/** What is used of BullMQ, an optional dependency: whoever has it not can build and run everything else. */
export interface BullmqLibrary {
  readonly Queue: new (name: string, options: { readonly connection: Connection }) => Queue;
  readonly Worker: new (
    name: string,
    work: (job: { readonly data: unknown }) => Promise<unknown>,
    options: WorkerOptions,
  ) => Worker;
  readonly UnrecoverableError: new (message: string) => Error;
}

export interface Connection {
  readonly url: string;
  /** null: commands wait until Redis is there again. */
  readonly maxRetriesPerRequest: null;
}

interface Emitter {
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

export interface Queue extends Emitter {
  add(name: string, data: unknown, options: AddOptions): Promise<unknown>;
}

export interface AddOptions {
  /** One job of a name stands in the queue. */
  readonly jobId: string;
  readonly attempts: number;
  readonly backoff: { readonly type: 'fixed'; readonly delay: number };
  readonly removeOnComplete: boolean;
  readonly removeOnFail: boolean;
}

interface WorkerOptions {
  readonly connection: Connection;
  readonly concurrency: number;
  /** A worker that says nothing for so long has lost its jobs; ms. */
  readonly lockDuration: number;
  readonly stalledInterval: number;
  readonly maxStalledCount: number;
}

export interface Worker extends Emitter {
  close(force?: boolean): Promise<void>;
}

/** @throws UserError where BullMQ is not installed */
export async function loadBullmq(): Promise<BullmqLibrary> {
  const name = 'bullmq';
  try {
    return (await import(name)) as BullmqLibrary;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UserError('--on bullmq needs packages that are not installed: npm install bullmq ioredis');
  }
}
