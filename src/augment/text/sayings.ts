import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { DownloadOptions, Dtype } from '../../clip/index.js';
import { keep, readKept } from '../../data/index.js';
import type { Seq2Seq } from './seq2seq.js';

/** Models that say texts another way: hub ids, or folders. */
export interface TextModels {
  /** Translates into another language, as `Xenova/opus-mt-en-fr`, and back, as `Xenova/opus-mt-fr-en`. */
  readonly translation?: { readonly there: string; readonly back: string };
  readonly paraphrase?: { readonly model: string; readonly prefix?: string };
  /** Which of the models' variants. @defaultValue 'fp32' */
  readonly dtype?: Dtype;
}

/** What models made of texts, by the text; a text that came out as it was, or empty, is left out. */
export interface Sayings {
  readonly translated?: ReadonlyMap<string, string>;
  readonly paraphrased?: ReadonlyMap<string, string>;
}

export interface SayOptions extends DownloadOptions {
  /** Stops between some texts and the next; what was said is kept. */
  readonly signal?: AbortSignal;
  readonly onTexts?: (what: keyof Sayings, done: number, total: number) => void;
}

/** Texts that are said and kept at once. */
const chunk = 128;

/**
 * Says every text another way by the models, once and ahead of training: there is one answer a text and model, kept in the
 * cache. Paraphrases are made of what translation made, too, so that both can follow each other.
 *
 * @throws UserError where a model cannot be had or run, the signal's reason where it was aborted
 */
export async function saidByModels(
  texts: Iterable<string>,
  { translation, paraphrase, dtype }: TextModels,
  options: SayOptions = {},
): Promise<Sayings> {
  const own = [...new Set(texts)].sort();
  const load = async (model: string, prefix?: string) => {
    const { loadSeq2Seq } = await import('./seq2seq.js');
    return loadSeq2Seq(model, { onDownload: options.onDownload, dtype, prefix });
  };
  const say = (what: keyof Sayings, sources: readonly string[], models: readonly Seq2Seq[]) =>
    sayings(sources, models, options.signal, (done) => options.onTexts?.(what, done, sources.length));
  const translated =
    translation && (await say('translated', own, [await load(translation.there), await load(translation.back)]));
  const paraphrased =
    paraphrase &&
    (await say('paraphrased', [...new Set([...own, ...(translated?.values() ?? [])])].sort(), [
      await load(paraphrase.model, paraphrase.prefix),
    ]));
  return { ...(translated && { translated }), ...(paraphrased && { paraphrased }) };
}

/** What comes out of models one behind the other. They are disposed of. */
async function sayings(
  texts: readonly string[],
  models: readonly Seq2Seq[],
  signal: AbortSignal | undefined,
  onSaid: (done: number) => void,
): Promise<Map<string, string>> {
  try {
    const key = JSON.stringify([models.map(({ fingerprint }) => fingerprint), texts]);
    const name = createHash('sha256').update(key).digest('hex').slice(0, 24);
    const file = join('sayings', `${name}.json`);
    const said = await saidBefore(file);
    while (said.length < texts.length) {
      signal?.throwIfAborted();
      let some = texts.slice(said.length, said.length + chunk);
      for (const model of models) some = await model.say(some);
      said.push(...some);
      await keep(file, JSON.stringify(said));
      onSaid(said.length);
    }
    const changed = texts.flatMap((text, i): [string, string][] => {
      const other = said[i]!;
      return other === '' || other === text ? [] : [[text, other]];
    });
    return new Map(changed);
  } finally {
    await Promise.all(models.map((model) => model.dispose()));
  }
}

/** What was said in an earlier run; nothing where it is not in the cache as it was written. */
async function saidBefore(file: string): Promise<string[]> {
  const kept = await readKept(file);
  return kept === undefined ? [] : (JSON.parse(kept) as string[]);
}
