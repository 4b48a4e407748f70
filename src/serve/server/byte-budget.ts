import { Fault } from './fault.js';

/** Bytes of bodies that may be held at once: it bounds what all queues together can take of the memory. */
export class ByteBudget {
  private held = 0;

  constructor(private readonly limit: number) {}

  /**
   * @returns gives the bytes back
   * @throws Fault 429 where they are not to be had
   */
  take(bytes: number): () => void {
    if (this.held + bytes > this.limit) throw new Fault(429, 'busy', 'too much is being uploaded: try again later', 1);
    this.held += bytes;
    return () => {
      this.held -= bytes;
    };
  }
}
