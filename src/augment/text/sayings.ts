import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DownloadOptions, Dtype } from '../../clip/index.js';
import { cacheFolder } from '../../data/index.js';
import { writeFileAtomic } from '../../files/index.js';
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

/**
 * Says every text another way by the models, once and ahead of training: there is one answer a text and model, kept in the
 * cache. Paraphrases are made of what translation made, too, so that both can follow each other.
 *
 * @throws UserError where a model cannot be had or run
 */
export async function saidByModels(
  texts: Iterable<string>,
  { translation, paraphrase, dtype }: TextModels,
  download: DownloadOptions = {},
): Promise<Sayings> {
  const own = [...new Set(texts)].sort();
  const load = async (model: string, prefix?: string) => {
    const { loadSeq2Seq } = await import('./seq2seq.js');
    return loadSeq2Seq(model, { ...download, dtype, prefix });
  };
  const translated = translation && (await sayings(own, [await load(translation.there), await load(translation.back)]));
  const paraphrased =
    paraphrase &&
    (await sayings([...new Set([...own, ...(translated?.values() ?? [])])].sort(), [
      await load(paraphrase.model, paraphrase.prefix),
    ]));
  return { ...(translated && { translated }), ...(paraphrased && { paraphrased }) };
}

/** What comes out of models one behind the other. They are disposed of. */
async function sayings(texts: readonly string[], models: readonly Seq2Seq[]): Promise<Map<string, string>> {
  try {
    const key = JSON.stringify([models.map(({ fingerprint }) => fingerprint), texts]);
    const name = createHash('sha256').update(key).digest('hex').slice(0, 24);
    const file = join(cacheFolder(), 'sayings', `${name}.json`);
    const known = await readFile(file, 'utf8').catch(() => undefined);
    if (known !== undefined) return new Map(JSON.parse(known) as [string, string][]);
    let said = texts;
    for (const model of models) said = await model.say(said);
    const changed = texts.flatMap((text, i): [string, string][] => {
      const other = said[i]!;
      return other === '' || other === text ? [] : [[text, other]];
    });
    await writeFileAtomic(file, JSON.stringify(changed));
    return new Map(changed);
  } finally {
    await Promise.all(models.map((model) => model.dispose()));
  }
}
