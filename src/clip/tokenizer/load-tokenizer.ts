import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { readJson, readText } from '../../files/index.js';
import { show } from '../../schema-issue.js';
import { clipTokenizerJson, END, START } from './clip-tokenizer.js';
import { guardedTokenizer } from './guarded-tokenizer.js';
import { isVocabulary, type Tokenizer, tokenizerFromJson } from './tokenizer.js';

/**
 * Reads a checkpoint folder's tokenizer: `tokenizer.json`, or else `vocab.json` and `merges.txt`.
 *
 * @throws UserError where neither is there or they are not a CLIP tokenizer's.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const path = (name: string) => join(folder, name);
  const settings = existsSync(path('tokenizer_config.json')) ? await readJson(path('tokenizer_config.json')) : {};
  if (existsSync(path('tokenizer.json'))) {
    return guardedTokenizer(await readJson(path('tokenizer.json')), { settings, file: path('tokenizer.json') });
  }
  if (!existsSync(path('vocab.json')) || !existsSync(path('merges.txt'))) {
    throw new UserError(
      `${folder}: expected tokenizer.json, or vocab.json and merges.txt: copy the model's tokenizer files there`,
    );
  }
  const vocab = await readJson(path('vocab.json'));
  if (!isVocabulary(vocab)) throw new UserError(`${path('vocab.json')}: expected an object of tokens and their ids`);
  for (const token of [START, END]) {
    if (vocab[token] === undefined)
      throw new UserError(`${path('vocab.json')}: expected the token ${token}, as CLIP's has`);
  }
  const merges = parseMerges(await readText(path('merges.txt')), path('merges.txt'));
  return tokenizerFromJson(clipTokenizerJson(vocab, merges), { settings, file: path('vocab.json') });
}

/** Merge rules in order of rank; the first line may be a `#version` comment. */
function parseMerges(text: string, file: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.startsWith('#version')) lines.shift();
  const merges = lines.filter((line) => line !== '');
  const bad = merges.findIndex((line) => line.split(' ').length !== 2);
  if (bad >= 0) throw new UserError(`${file}: expected two tokens a line, got ${show(merges[bad])}`);
  return merges;
}
