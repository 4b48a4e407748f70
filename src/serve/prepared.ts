/** Room for three photographs of 12 million pixels, or for 200 images of 224 by 224 as the encoder takes them. */
const capacity = 128 * 2 ** 20;

/**
 * What one stage of a cascade made of its inputs, for those behind it that need the same: an image is decoded once, and
 * made pixels once for all models of one preprocessing. It lives as long as one call. What does not fit is made
 * anew by each stage.
 */
export class Prepared {
  private readonly made = new Map<unknown, Map<string, unknown>>();
  private bytes = 0;

  /**
   * @param kind names what `make` makes, with all that it depends on but the input
   * @param bytes how large it is
   */
  async of<T>(input: unknown, kind: string, make: () => T | Promise<T>, bytes: (value: T) => number): Promise<T> {
    const known = this.made.get(input);
    if (known?.has(kind)) return known.get(kind) as T;
    const value = await make();
    this.bytes += bytes(value);
    if (this.bytes > capacity) return value;
    // Looked up again: `make` may have kept something of the same input.
    const own = this.made.get(input) ?? new Map<string, unknown>();
    this.made.set(input, own.set(kind, value));
    return value;
  }
}
