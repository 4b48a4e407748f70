import { type MessagePort, workerData } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import type { Answerer, ExtensionRequest } from './extension.js';
import { Fault } from './fault.js';

/** What the thread of an extension is started with. */
export interface ThreadSetup {
  /** URL of a module with `open(setup)`. */
  readonly module: string;
  /** Plain data for it. */
  readonly setup: unknown;
}

/** `open` waits until the answerer is there. */
export type ThreadTask =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'answer';
      readonly request: ExtensionRequest;
      /** Has a message when nobody waits for the answer any more. */
      readonly stop: MessagePort;
    }
  | { readonly kind: 'close' };

/** An error's class does not survive the way to another thread: what a user is to be told comes as a result. */
export type ThreadResult =
  | { readonly done: true }
  | { readonly answer: object }
  | { readonly failed: string }
  | { readonly fault: Pick<Fault, 'status' | 'code' | 'message' | 'retryAfter'> };

const { module, setup } = workerData as ThreadSetup;
const opening = open();

async function open(): Promise<Answerer | Error> {
  try {
    const given = (await import(module)) as { open(setup: unknown): Promise<Answerer> };
    return await given.open(setup);
  } catch (error) {
    return error as Error;
  }
}

function answerOf(answerer: Answerer, request: ExtensionRequest, stop: MessagePort): Promise<object> {
  const controller = new AbortController();
  stop.once('message', () => controller.abort(new Fault(504, 'timeout', 'nobody waits for the answer any more')));
  return answerer.answer(request, controller.signal).finally(() => stop.close());
}

export default async function work(task: ThreadTask): Promise<ThreadResult> {
  const answerer = await opening;
  if (task.kind === 'close') {
    if (!(answerer instanceof Error)) await answerer.close();
    return { done: true };
  }
  try {
    if (answerer instanceof Error) throw answerer;
    if (task.kind === 'open') return { done: true };
    return { answer: await answerOf(answerer, task.request, task.stop) };
  } catch (error) {
    if (error instanceof UserError) return { failed: error.message };
    if (!(error instanceof Fault)) throw error;
    const { status, code, message, retryAfter } = error;
    return { fault: { status, code, message, ...(retryAfter !== undefined && { retryAfter }) } };
  }
}
