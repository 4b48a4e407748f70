import { Tokenizer as Pipeline } from '@huggingface/tokenizers';
import { UserError } from '../../errors.js';
import type { ClipConfig } from '../config.js';
import type { TokenizerJson } from './clip-tokenizer.js';

/** Texts to token ids, as the text tower wants them. */
export interface Tokenizer {
  /** Largest id + 1. */
  readonly vocabSize: number;
  /** Left out where texts have no start token, as SigLIP's. */
  readonly startId?: number;
  readonly endId: number;
  readonly padId: number;
  /** Whether the model reads texts with all their padding, as SigLIP's tower does: they always have the full length. */
  readonly fullLength?: boolean;
  /** The `tokenizer.json` that it was made from. */
  readonly json: TokenizerJson;
  /**
   * Start token, text, end token, padding, a row a text. A text that is too long is cut and keeps its end token.
   *
   * @returns `ids` [N*L], and `eos` [N]: the position of each text's (first) end token.
   */
  encode(texts: readonly string[], contextLength: number): { ids: Int32Array; eos: Int32Array };
  /** Ids of one text without start, end and padding. */
  tokens(text: string): number[];
}

/**
 * A tokenizer from the content of a `tokenizer.json`. Padding is the `pad_token` of `settings` (a
 * `tokenizer_config.json`) where it is known, or else the end token: the text tower never looks past the end token.
 *
 * @throws UserError where it is not a tokenizer that ends a text with one token, after one in front or none.
 */
export function tokenizerFromJson(json: unknown, options: { settings?: unknown; file?: string } = {}): Tokenizer {
  const { file = 'tokenizer.json' } = options;
  const settings = (options.settings ?? {}) as Record<string, unknown>;
  if (!isTokenizerJson(json))
    throw new UserError(`${file}: expected a tokenizer.json with model.vocab and added_tokens`);
  let pipeline: Pipeline;
  let empty: number[];
  try {
    pipeline = new Pipeline(json, settings);
    empty = pipeline.encode('').ids;
  } catch (error) {
    throw new UserError(`${file}: expected a tokenizer that can be loaded: ${(error as Error).message}`);
  }
  const endId = empty.at(-1);
  if (empty.length > 2 || endId === undefined) {
    throw new UserError(
      `${file}: post_processor: expected a start and an end token around a text, as CLIP's, or an end token, as SigLIP's, got ${empty.length}`,
    );
  }
  const startId = empty.length === 2 ? empty[0] : undefined;
  const start = startId === undefined ? [] : [startId];
  const padToken = nameOf(settings.pad_token);
  const padId = (padToken === undefined ? undefined : pipeline.token_to_id(padToken)) ?? endId;
  const ids = [...vocabulary(json).values(), ...json.added_tokens.map((token) => token.id)];
  const vocabSize = ids.reduce((a, b) => Math.max(a, b), -1) + 1;

  const tokens = (text: string): number[] => pipeline.encode(text, { add_special_tokens: false }).ids;
  return {
    vocabSize,
    startId,
    endId,
    padId,
    json,
    tokens,
    encode(texts, contextLength) {
      const out = new Int32Array(texts.length * contextLength).fill(padId);
      const eos = new Int32Array(texts.length);
      texts.forEach((text, n) => {
        const row = [...start, ...tokens(text).slice(0, contextLength - empty.length), endId];
        out.set(row, n * contextLength);
        eos[n] = row.indexOf(endId);
      });
      return { ids: out, eos };
    },
  };
}

/** A configuration whose text tower fits a tokenizer: its vocabulary and its special tokens. */
export function withTokenizer(config: ClipConfig, tokenizer: Tokenizer): ClipConfig {
  const { vocabSize, startId, endId, padId } = tokenizer;
  const ids = { vocab_size: vocabSize, bos_token_id: startId ?? endId, eos_token_id: endId, pad_token_id: padId };
  return { ...config, text_config: { ...config.text_config, ...ids } };
}

function nameOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  return (token as { content?: string } | null | undefined)?.content;
}

/** Whether a value is an object of tokens and their ids. */
export function isVocabulary(value: unknown): value is Record<string, number> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((id) => Number.isSafeInteger(id) && id >= 0);
}

/** Tokens and their ids: an object of BPE models, a list of tokens and scores of Unigram ones. */
export function vocabulary({ model }: TokenizerJson): Map<string, number> {
  const vocab: unknown = model.vocab;
  return new Map(Array.isArray(vocab) ? vocab.map(([token], id) => [token, id]) : Object.entries(model.vocab));
}

function isTokenizerJson(json: unknown): json is TokenizerJson {
  const candidate = json as TokenizerJson | null;
  const vocab: unknown = candidate?.model?.vocab;
  const isList = Array.isArray(vocab) && vocab.every((entry) => typeof entry?.[0] === 'string');
  return (isList || isVocabulary(vocab)) && Array.isArray(candidate?.added_tokens);
}
