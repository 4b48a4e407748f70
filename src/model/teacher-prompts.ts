import { type Checkpoint, type Tokenizer, wholeTokenTable } from '../clip/index.js';
import { UserError } from '../errors.js';
import type { Params } from '../nn/index.js';
import { initDeepPrompts } from '../prompt/index.js';
import type { HostTensor } from '../tensor/index.js';
import { textRoom } from './limits.js';
import { tokenized } from './tokenized.js';

/** Deep prompts of a model; towers with fewer layers than `depth` get one set a layer. */
export interface DeepPromptShape {
  /** Prompt vectors a layer. */
  readonly n_ctx: number;
  readonly depth: number;
  /** Words whose first `n_ctx` tokens the first text prompts start as; left out or '': at random. */
  readonly context?: string;
}

/** A teacher's prompts as they start: see `initDeepPrompts`; the first text prompts are the context's words. */
export function initTeacherPrompts(teacher: Checkpoint, shape: DeepPromptShape, seed: number): Params {
  const { vision_config: vision, text_config: text } = teacher.config;
  const of = (tower: 'vision' | 'text', { hidden_size, num_hidden_layers }: typeof vision | typeof text) =>
    initDeepPrompts(
      tower,
      { n_ctx: shape.n_ctx, depth: Math.min(shape.depth, num_hidden_layers), width: hidden_size },
      seed,
    );
  const prompts = { ...of('vision', vision), ...of('text', text) };
  if (!shape.context || !prompts['text.0']) return prompts;
  const table = wholeTokenTable(teacher.params).data;
  const width = text.hidden_size;
  for (const [i, id] of contextTokens(shape, teacher.tokenizer).entries()) {
    prompts['text.0'].data.set(table.subarray(id * width, (id + 1) * width), i * width);
  }
  return prompts;
}

/**
 * Class names as the prompted text tower reads them: `n_ctx` tokens that the prompts replace, what else the context has,
 * the name and a full stop, as CoOp writes them (Zhou et al., arXiv 2109.01134).
 *
 * @throws UserError where `limit` tokens have no room for a name behind the prompts, or the context has fewer than `n_ctx`
 */
export function promptedTexts(
  names: readonly string[],
  shape: DeepPromptShape,
  tokenizer: Tokenizer,
  limit: number,
): { ids: HostTensor; ends: HostTensor } {
  const context = shape.context || Array(shape.n_ctx).fill('x').join(' ');
  contextTokens({ ...shape, context }, tokenizer);
  textRoom(limit, shape.n_ctx);
  return tokenized(
    tokenizer,
    names.map((name) => `${context} ${name}.`),
    limit,
  );
}

function contextTokens({ n_ctx, context }: DeepPromptShape, tokenizer: Tokenizer): number[] {
  const tokens = tokenizer.tokens(context!);
  if (tokens.length >= n_ctx) return tokens.slice(0, n_ctx);
  throw new UserError(
    `prompts.context: expected ${n_ctx} tokens (prompts.n_ctx) or more, got ${tokens.length} of "${context}": say more words, or none ("") to start at random`,
  );
}
