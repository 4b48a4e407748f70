/** Fetches a page's files and counts their bytes, so that one bar shows all that is still to come. */
export class FileFetcher {
  private done = 0;
  private total = 0;

  /**
   * @param base the page's folder
   * @param sizes bytes of the files as they are stored, by their paths
   * @param onProgress is told of the bytes of all files that were expected or fetched
   */
  constructor(
    readonly base: string,
    private readonly sizes: Readonly<Record<string, number>>,
    private readonly onProgress: (done: number, total: number) => void,
  ) {}

  /** Counts files that are fetched later. */
  expect(...files: readonly string[]): void {
    for (const file of files) this.total += this.sizes[file] ?? 0;
    this.onProgress(this.done, this.total);
  }

  /** Bytes of a file that was expected. @throws where the server does not have it */
  async bytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
    const stored = this.sizes[file] ?? 0;
    const reader = (await get(this.base, file)).body!.getReader();
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let counted = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      // A server may send a gzipped file as an encoding, which the browser unpacks: it never counts for more than it is.
      const more = Math.min(part.value.length, stored - counted);
      counted += more;
      this.done += more;
      this.onProgress(this.done, this.total);
    }
    this.done += stored - counted;
    this.onProgress(this.done, this.total);
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  async json(file: string): Promise<unknown> {
    return JSON.parse(new TextDecoder().decode(await this.bytes(file)));
  }

  /** A gzipped file's content; as it is where the browser has unpacked it already. */
  async unpacked(file: string): Promise<ArrayBuffer> {
    const bytes = await this.bytes(file);
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer;
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Response(stream).arrayBuffer();
  }
}

/** @throws where the server does not have the file */
export async function get(base: string, file: string): Promise<Response> {
  const response = await fetch(new URL(file, base));
  if (!response.ok) throw new Error(`${file}: the server answered ${response.status}. Copy the page's whole folder.`);
  return response;
}
