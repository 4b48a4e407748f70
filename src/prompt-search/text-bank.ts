import { type EmbedOptions, embedTexts } from '../evaluate/index.js';
import type { Rows } from '../math/index.js';
import type { Model } from '../model/index.js';
import { classText } from '../prompt/index.js';

/** Texts of one call of the text tower; long enough that compiling it does not count. */
const textsPerCall = 8192;

/**
 * Text features of every class by any template, computed once: what fits into `maxBytes` is kept, the rest is computed
 * again when it is asked for again.
 */
export class TemplateBank {
  private readonly kept = new Map<string, Rows>();
  private bytes = 0;

  constructor(
    private readonly model: Model,
    /** Of the classes. */
    readonly names: readonly string[],
    private readonly options: EmbedOptions,
    private readonly maxBytes = 1 << 30,
  ) {}

  /** Hands over each template's class features [classes, width], unit rows, in the templates' order. */
  async visit(templates: readonly string[], each: (features: Rows, index: number) => Promise<void>): Promise<void> {
    const together = Math.max(1, Math.floor(textsPerCall / this.names.length));
    for (let from = 0; from < templates.length; from += together) {
      const part = templates.slice(from, from + together);
      const fresh = await this.compute(part.filter((template) => !this.kept.has(template)));
      for (const [i, template] of part.entries()) {
        await each((this.kept.get(template) ?? fresh.get(template))!, from + i);
      }
    }
  }

  /** Class features of a few templates. */
  async features(templates: readonly string[]): Promise<Rows[]> {
    const found: Rows[] = [];
    await this.visit(templates, async (features) => void found.push(features));
    return found;
  }

  private async compute(templates: readonly string[]): Promise<ReadonlyMap<string, Rows>> {
    const found = new Map<string, Rows>();
    if (templates.length === 0) return found;
    const count = this.names.length;
    const texts = templates.flatMap((template) => this.names.map((name) => classText(template, name)));
    const { device, threads, signal } = this.options;
    const { data, width } = await embedTexts(this.model, texts, { device, threads, signal });
    for (const [i, template] of templates.entries()) {
      const rows = { data: data.slice(i * count * width, (i + 1) * count * width), count, width };
      found.set(template, rows);
      if (this.bytes + rows.data.byteLength > this.maxBytes) continue;
      this.kept.set(template, rows);
      this.bytes += rows.data.byteLength;
    }
    return found;
  }
}
