import { Fault } from './fault.js';

/** What one body holds of the budget. */
export interface Holding {
  /** Counts bytes that have come; where they are too many for the budget, this body or a larger one is refused. */
  take(bytes: number): void;
  /** The body is whole: it gives way to no other. */
  finish(): void;
  /** Its bytes are free again. */
  free(): void;
}

/**
 * Bytes of bodies that are held at once: it bounds what all of them together can take of the memory. They count as they
 * come, since what a client says that it will send costs it nothing. Where they run out, the unfinished body that holds
 * most is refused: clients that fill the room and wait keep nobody out.
 */
export class ByteBudget {
  private held = 0;
  private readonly unfinished = new Set<{ bytes: number; refuse: (why: Fault) => void }>();

  constructor(private readonly limit: number) {}

  /** @param refuse is told, with 429, where the body has to give way; its bytes are free by then */
  open(refuse: (why: Fault) => void): Holding {
    const own = { bytes: 0, refuse };
    this.unfinished.add(own);
    return {
      take: (bytes) => {
        own.bytes += bytes;
        this.held += bytes;
        while (this.held > this.limit) this.refuseLargest();
      },
      finish: () => this.unfinished.delete(own),
      free: () => {
        this.unfinished.delete(own);
        this.held -= own.bytes;
        own.bytes = 0;
      },
    };
  }

  private refuseLargest(): void {
    const [first, ...others] = this.unfinished;
    const largest = others.reduce((most, one) => (one.bytes > most.bytes ? one : most), first!);
    this.unfinished.delete(largest);
    this.held -= largest.bytes;
    largest.bytes = 0;
    largest.refuse(new Fault(429, 'busy', 'too much is being uploaded: try again later', 1));
  }
}
