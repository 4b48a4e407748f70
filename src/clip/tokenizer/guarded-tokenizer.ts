import { type Context, createContext, Script } from 'node:vm';
import { UserError } from '../../errors.js';
import { clipExpressions, type TokenizerJson } from './clip-tokenizer.js';
import { type Tokenizer, tokenizerFromJson } from './tokenizer.js';

/** Texts that are tokenized under one deadline, and how long that is; a text takes well below a millisecond. */
const [block, deadlineMs] = [256, 3000];
/** For making it of a vocabulary of 256,000 tokens, which takes a second or two. */
const makingMs = 30_000;
/** How many times as long a normalizer may make a text. */
const maxGrowth = 1000;

/**
 * {@link tokenizerFromJson} for a file of a stranger. Its regular expressions may take as long as they like for a text of a
 * few letters (`(a+)+$`), so that tokenizing ends after a while; only CLIP's own are taken without that.
 *
 * @throws UserError also from what it gives, naming the file
 */
export function guardedTokenizer(json: unknown, options: { settings?: unknown; file: string }): Tokenizer {
  const { file } = options;
  checkGrowth(json, file);
  const tokenizer = withinDeadline(() => tokenizerFromJson(json, options), file, makingMs);
  if (expressionsOf(tokenizer.json).every((one) => clipExpressions.has(one))) return tokenizer;
  return {
    ...tokenizer,
    tokens: (text) => withinDeadline(() => tokenizer.tokens(text), file),
    encode(texts, contextLength) {
      const ids = new Int32Array(texts.length * contextLength);
      const eos = new Int32Array(texts.length);
      for (let from = 0; from < texts.length; from += block) {
        const some = withinDeadline(() => tokenizer.encode(texts.slice(from, from + block), contextLength), file);
        ids.set(some.ids, from * contextLength);
        eos.set(some.eos, from);
      }
      return { ids, eos };
    },
  };
}

/** @throws UserError where replacements one after the other would fill the memory (`a` to `aa`, fifty times) */
function checkGrowth(json: unknown, file: string): void {
  const normalizer = (json as { normalizer?: { normalizers?: unknown } } | null)?.normalizer;
  const steps = Array.isArray(normalizer?.normalizers) ? normalizer.normalizers : [normalizer];
  const growth = steps.reduce((product: number, step: unknown) => {
    const { content, prepend } = (step ?? {}) as { content?: unknown; prepend?: unknown };
    return [content, prepend].reduce<number>((p, text) => p * Math.max(1, String(text ?? '').length), product);
  }, 1);
  if (growth <= maxGrowth) return;
  throw new UserError(`${file}: normalizer: expected one that makes a text at most ${maxGrowth} times as long`);
}

let context: Context | undefined;
/** What a script has over a call: Node ends it, in the middle of an expression, too. */
const run = new Script('work()');

/** @throws UserError naming the file where the work of its tokenizer, expressions included, is not done in time */
function withinDeadline<T>(work: () => T, file: string, ms = deadlineMs): T {
  let result: T | undefined;
  context ??= createContext({});
  context.work = () => {
    result = work();
  };
  try {
    run.runInContext(context, { timeout: ms });
    return result as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new UserError(
      `${file}: expected to tokenize a text within ${ms / 1000} s: a regular expression of its normalizer or pre_tokenizer takes without end; use the model's own tokenizer`,
    );
  }
}

/** All regular expressions of a tokenizer. */
function expressionsOf(json: TokenizerJson): string[] {
  const found: string[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, part] of Object.entries(value)) {
      if (name === 'Regex' && typeof part === 'string') found.push(part);
      else look(part);
    }
  };
  look([json.normalizer, json.pre_tokenizer, json.decoder]);
  return found;
}
