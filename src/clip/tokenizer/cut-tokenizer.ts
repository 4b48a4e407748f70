import { UserError } from '../../errors.js';
import { byteAlphabet, type TokenizerJson } from './clip-tokenizer.js';
import { type Tokenizer, tokenizerFromJson, vocabulary } from './tokenizer.js';

/** A tokenizer of fewer tokens. */
export interface CutTokenizer {
  readonly tokenizer: Tokenizer;
  /** For each of its ids, the id of the same token before. */
  readonly kept: readonly number[];
}

/**
 * A byte-pair tokenizer without the tokens that some texts do not need. It cuts these texts into the same tokens as before:
 * of each token it keeps all merges that lead to it, in their order, so that the merge of lowest rank in a word is the same
 * at each step. Any other text can still be read, in smaller pieces, down to bytes. Ids keep their order.
 *
 * @throws UserError where it is no byte-pair tokenizer with CLIP's alphabet
 */
export function cutTokenizer(given: Tokenizer, texts: Iterable<string>): CutTokenizer {
  const { json, padId } = given;
  const { type, merges } = json.model as { readonly type?: unknown; readonly merges?: unknown };
  const vocab = vocabulary(json);
  const alphabet = byteAlphabet().flatMap((letter) => [letter, `${letter}</w>`]);
  if (type !== 'BPE' || !Array.isArray(merges) || !alphabet.every((letter) => vocab.has(letter))) {
    throw new UserError(
      'student.tokens: task: expected a teacher whose tokenizer merges bytes, as CLIP’s: another keeps all tokens (student.tokens: all)',
    );
  }
  const names = new Map([...vocab].map(([name, id]) => [id, name]));
  const rules = (merges as (string | [string, string])[]).map((rule): [string, string] =>
    typeof rule === 'string' ? (rule.split(' ') as [string, string]) : rule,
  );
  const wanted = closure(
    [...new Set(texts)].flatMap((text) => given.tokens(text).map((id) => names.get(id)!)),
    rules,
  );
  const special = json.added_tokens.map(({ content, id }) => [content, id] as const);
  const kept = [
    ...new Map([...special, ...[...wanted, ...alphabet].map((name) => [name, vocab.get(name)!] as const)]).values(),
  ];
  kept.sort((a, b) => a - b);
  const ids = new Map(kept.map((old, id) => [old, id]));
  const content = {
    ...json,
    added_tokens: json.added_tokens.map((token) => ({ ...token, id: ids.get(token.id)! })),
    post_processor: withIds(json.post_processor, ids),
    model: {
      ...json.model,
      vocab: Object.fromEntries([...vocab].flatMap(([name, id]) => (ids.has(id) ? [[name, ids.get(id)!]] : []))),
      merges: merges.filter((_, i) => wanted.has(rules[i]!.join(''))),
    },
  } as TokenizerJson;
  const padName = names.get(padId) ?? special.find(([, id]) => id === padId)?.[0];
  const tokenizer = tokenizerFromJson(content, { settings: { pad_token: padName } });
  return { tokenizer: { ...tokenizer, fullLength: given.fullLength }, kept };
}

/** Tokens, and all that they are merged of, by whatever rules. */
function closure(tokens: readonly string[], rules: readonly (readonly [string, string])[]): Set<string> {
  const byResult = new Map<string, (readonly [string, string])[]>();
  for (const rule of rules) {
    const result = rule.join('');
    const known = byResult.get(result);
    if (known) known.push(rule);
    else byResult.set(result, [rule]);
  }
  const all = new Set(tokens);
  const open = [...all];
  for (let token = open.pop(); token !== undefined; token = open.pop()) {
    for (const part of (byResult.get(token) ?? []).flat()) {
      if (all.has(part)) continue;
      all.add(part);
      open.push(part);
    }
  }
  return all;
}

/** A post-processor whose start and end tokens have other ids, in the two forms that Hugging Face writes. */
function withIds(processor: unknown, ids: ReadonlyMap<number, number>): unknown {
  const {
    sep,
    cls,
    special_tokens: special,
  } = (processor ?? {}) as {
    readonly sep?: [string, number];
    readonly cls?: [string, number];
    readonly special_tokens?: Readonly<Record<string, { readonly ids: readonly number[] }>>;
  };
  const moved = (pair: [string, number]) => [pair[0], ids.get(pair[1])];
  return {
    ...(processor as object),
    ...(sep && { sep: moved(sep) }),
    ...(cls && { cls: moved(cls) }),
    ...(special && {
      special_tokens: Object.fromEntries(
        Object.entries(special).map(([name, one]) => [name, { ...one, ids: one.ids.map((id) => ids.get(id)) }]),
      ),
    }),
  };
}
