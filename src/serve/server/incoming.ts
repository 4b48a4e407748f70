import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Fault } from './fault.js';

/** A request's body as it comes, whoever brings it: Node's own request, or one of the Fetch API. */
export type Incoming = Readable & { readonly headers: IncomingHttpHeaders };

/**
 * The body of a request of the Fetch API, or of the Node request that stands behind it.
 *
 * @throws Fault where somebody read it before
 */
export function incomingOf(request: Request, node: Incoming | undefined): Incoming {
  if (node ? node.readableEnded : request.bodyUsed) {
    throw new Fault(500, 'body_read', 'the body was read before it came here: mount promptkd before body parsers');
  }
  if (node) return node;
  // One type of the DOM and one of Node for the same thing.
  const body = request.body as ReadableStream<Uint8Array> | null;
  const stream = body ? Readable.fromWeb(body) : Readable.from([]);
  return Object.assign(stream, { headers: Object.fromEntries(request.headers) });
}
