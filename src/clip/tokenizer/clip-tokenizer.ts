/** CLIP's tokenizer as a `tokenizer.json`: the same pipeline whatever the vocabulary. */

export const START = '<|startoftext|>';
export const END = '<|endoftext|>';

const words = `<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+`;
const blanks = '\\s+';

/** CLIP's expressions: the time they take grows with the text's length, and no faster. */
export const clipExpressions: ReadonlySet<string> = new Set([words, blanks]);

/** A vocabulary and its merges (in order of rank) as Hugging Face's `tokenizer.json`. */
export interface TokenizerJson {
  readonly model: {
    /** Of Unigram models it is a list: see `vocabulary`. */
    readonly vocab: Readonly<Record<string, number>>;
    readonly [key: string]: unknown;
  };
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly [key: string]: unknown;
}

/**
 * CLIP's byte-level BPE: NFC, white space collapsed, lower case; split at contractions, runs of letters, single digits
 * and runs of other signs; bytes as printable characters, `</w>` at the end of a word; start and end token around.
 *
 * This is Hugging Face's CLIPTokenizerFast. OpenAI's own tokenizer also repairs text with ftfy and unescapes HTML
 * (`&amp;` → `&`), which neither does here.
 */
export function clipTokenizerJson(vocab: Readonly<Record<string, number>>, merges: readonly string[]): TokenizerJson {
  const start = vocab[START]!;
  const end = vocab[END]!;
  const token = (id: number, content: string, normalized: boolean) => {
    return { id, content, single_word: false, lstrip: false, rstrip: false, normalized, special: true };
  };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [token(start, START, true), token(end, END, false)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: blanks }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [END, end],
      cls: [START, start],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: END,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges,
    },
  };
}

/** The printable character that stands for each byte, in the order of CLIP's vocabulary (GPT-2's table). */
export function byteAlphabet(): string[] {
  const printable: number[] = [];
  for (const [from, to] of [
    [0x21, 0x7e],
    [0xa1, 0xac],
    [0xae, 0xff],
  ] as const) {
    for (let c = from; c <= to; c++) printable.push(c);
  }
  const rest = 256 - printable.length; // the others are moved to U+0100 and on
  return [...printable, ...Array.from({ length: rest }, (_, i) => 256 + i)].map((c) => String.fromCodePoint(c));
}
