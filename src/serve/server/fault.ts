/** Why a request is not answered, in words that are the client's business. */
export class Fault extends Error {
  override readonly name = 'Fault';

  constructor(
    readonly status: 400 | 401 | 403 | 404 | 408 | 413 | 415 | 429 | 500 | 503 | 504,
    readonly code: string,
    message: string,
    /** Seconds after which it may be tried again. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

export const badRequest = (message: string) => new Fault(400, 'bad_request', message);
