import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Tensor } from '@huggingface/transformers';
import { type DownloadOptions, type Dtype, resolveModel, suffixes } from '../../clip/index.js';
import { UserError } from '../../errors.js';

/** A model that turns texts into texts, as a translation model or a paraphraser. */
export interface Seq2Seq {
  /** Changes with the model's files and how they are used. */
  readonly fingerprint: string;
  /** The likeliest output of each text (greedy), so that the same texts always become the same. */
  say(texts: readonly string[]): Promise<string[]>;
  dispose(): Promise<void>;
}

export interface Seq2SeqOptions extends DownloadOptions {
  /** Which of the folder's variants, as Transformers.js names them. @defaultValue 'fp32' */
  readonly dtype?: Dtype;
  /** Stands before every text, as `paraphrase: ` for models that were trained so. */
  readonly prefix?: string;
}

const beside = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
const batch = 16;
/** A caption is rarely half as long; models that never end are ended here. */
const longestOutput = 128;

/**
 * Loads a sequence-to-sequence model in Transformers.js's layout (Marian, T5, BART): `onnx/encoder_model.onnx` and
 * `onnx/decoder_model_merged.onnx` beside `config.json` and the tokenizer's files.
 *
 * @param idOrFolder a folder, which needs no network, or a Hugging Face id, fetched into the usual cache
 * @throws UserError where `@huggingface/transformers` is not installed, or the model cannot be had or run
 */
export async function loadSeq2Seq(
  idOrFolder: string,
  { dtype = 'fp32', prefix = '', ...download }: Seq2SeqOptions = {},
): Promise<Seq2Seq> {
  const encoders = ['encoder_model', 'decoder_model_merged'].map((name) => `onnx/${name}${suffixes[dtype]}.onnx`);
  const needed = [...beside, ...encoders];
  const choose = (names: readonly string[]) => {
    const missing = needed.find((name) => !names.includes(name));
    if (missing) throw new UserError(`${idOrFolder}: expected ${needed.join(', ')} in that repository: no ${missing}`);
    const more = ['generation_config.json', ...encoders.map((name) => `${name}_data`)];
    return [...needed, ...more.filter((name) => names.includes(name))];
  };
  const folder = resolve(await resolveModel(idOrFolder, choose, download));
  const missing = needed.find((name) => !existsSync(join(folder, name)));
  if (missing) {
    throw new UserError(
      `${idOrFolder}: expected a translation or paraphrase model, a folder with ${needed.join(', ')}: no ${missing}`,
    );
  }
  const { AutoModelForSeq2SeqLM, AutoTokenizer, env, LogLevel } = await transformers();
  // Otherwise Marian's tokenizer warns at every start that it is the fast one.
  env.logLevel = LogLevel.ERROR;
  const local = { local_files_only: true, dtype } as const;
  const [tokenizer, model] = await Promise.all([
    AutoTokenizer.from_pretrained(folder, local),
    AutoModelForSeq2SeqLM.from_pretrained(folder, local),
  ]).catch((error: Error) => {
    throw new UserError(
      `${idOrFolder}: expected a model that Transformers.js can run: ${error.message.split('\n')[0]}`,
    );
  });
  const sayBatch = async (texts: readonly string[]): Promise<string[]> => {
    const inputs = tokenizer(
      texts.map((text) => prefix + text),
      { padding: true, truncation: true },
    );
    const options = { max_new_tokens: longestOutput, do_sample: false, num_beams: 1 };
    // Plain ids, as no scores are asked for.
    const ids = (await model.generate({ ...inputs, ...options })) as Tensor;
    return tokenizer.batch_decode(ids, { skip_special_tokens: true });
  };
  return {
    fingerprint: await fingerprintOf(folder, needed, prefix),
    async say(texts) {
      // Texts of like length share a batch: little is padding.
      const order = [...texts.keys()].sort((a, b) => texts[a]!.length - texts[b]!.length || a - b);
      const said = new Array<string>(texts.length).fill('');
      for (let from = 0; from < order.length; from += batch) {
        const places = order.slice(from, from + batch);
        const made = await sayBatch(places.map((place) => texts[place]!));
        for (const [i, place] of places.entries()) said[place] = made[i]!.trim();
      }
      return said;
    },
    dispose: async () => void (await model.dispose()),
  };
}

/** The library is large and only this needs it: those who want it install it. */
async function transformers(): Promise<typeof import('@huggingface/transformers')> {
  try {
    return await import('@huggingface/transformers');
  } catch (error) {
    throw new UserError(
      `translation and paraphrase models need @huggingface/transformers: npm install @huggingface/transformers (${(error as Error).message.split('\n')[0]})`,
    );
  }
}

async function fingerprintOf(folder: string, names: readonly string[], prefix: string): Promise<string> {
  const files = await Promise.all(names.map(async (name) => [name, await stat(join(folder, name))] as const));
  const seen = files.map(([name, { size, mtimeMs }]) => [name, size, mtimeMs]);
  return createHash('sha256')
    .update(JSON.stringify([folder, prefix, seen]))
    .digest('hex');
}
