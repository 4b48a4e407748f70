import { type AugmentOptions, augmentText, type Sayings } from '../../augment/index.js';
import { type ClipConfig, type TokenizedTexts, type Tokenizer, tokenizeAll } from '../../clip/index.js';
import type { Example, ImageTextDataset } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { halfToFloat } from '../../files/index.js';
import { Random } from '../../math/index.js';
import { textRoom } from '../../model/index.js';
import { classText } from '../../prompt/index.js';
import { alignWords, type WordAlignment } from '../losses/word-alignment.js';
import type { Teacher, TeacherTexts } from '../teacher/teacher.js';

/** All texts of a run, each once: class names through templates, and captions. */
export interface TextList {
  texts: string[];
  /** For each class, its texts' indices, one a template. Of data without classes each caption is one: see {@link listTexts}. */
  classes: number[][];
  /** For each example id, its captions' indices. */
  captions: Map<string, number[]>;
}

/** The texts with what the teacher makes of them. The teacher is frozen, so this is computed once. */
export interface TextBank extends TextList {
  /** The student's, which cut the texts into `ids`; the teacher may have had another. */
  tokenizer: Tokenizer;
  /** Tokens a text, padding included: the longest text's length. */
  length: number;
  ids: Int32Array; // [texts, length]
  ends: Int32Array; // [texts]
  /** Teacher's text features, not normalised [texts, width]. */
  embeds: Float32Array;
  width: number;
  /** Teacher's token features in the joint space [texts, wordsLength, width], fp16; where asked for. */
  words?: Uint16Array;
  wordsLength: number;
  wordsEnds: Int32Array; // [texts], position of the end token among the teacher's
  /** Which tokens of both make a word, where the tokenizers cut the texts differently; otherwise token is compared with token. */
  alignment?: WordAlignment;
}

/**
 * Class names through templates (`{}` or `[OBJ]` stands for the name) and the captions of the examples, said in other ways
 * too where `augment` says so.
 *
 * Data without classes is learned from by its captions alone: some of all captions, evenly drawn, stand in the place of classes,
 * among which the teacher's answers choose those that are near an image, as among classes.
 *
 * @throws UserError where there are neither class names nor captions
 */
export function listTexts(
  dataset: ImageTextDataset,
  examples: readonly Example[],
  templates: readonly string[],
  withCaptions: boolean,
  augment: TextWays = { seed: 0 },
): TextList {
  const texts: string[] = [];
  const index = new Map<string, number>();
  const add = (text: string): number => {
    const known = index.get(text);
    if (known !== undefined) return known;
    index.set(text, texts.length);
    texts.push(text);
    return texts.length - 1;
  };
  // A novel class must stay unseen: its name is no text of the training task.
  const classes = dataset.classes
    .filter((c) => !c.novel)
    .map((c) => templates.map((template) => add(classText(template, c.name))));
  const captions = new Map<string, number[]>();
  if (withCaptions) {
    for (const { id, captions: own, label } of examples) {
      const keep = label === undefined ? [] : [dataset.classes[label]!.name];
      const ways = own.flatMap((caption) => otherWays(caption, keep, augment));
      captions.set(id, [...own, ...new Set(ways.filter((way) => !own.includes(way)))].map(add));
    }
  }
  if (classes.length === 0 && dataset.classes.length === 0) {
    const own = [...new Set([...captions.values()].flatMap(([first]) => (first === undefined ? [] : [first])))];
    const every = Math.max(1, own.length / mostContrasts);
    for (let i = 0; i < own.length; i += every) classes.push([own[Math.floor(i)]!]);
  }
  if (classes.length === 0) {
    throw new UserError(
      `${dataset.name}: expected captions, or at least one class text to train on, found neither: name classes with ?classes=cat,dog behind --data, or in a file classes.txt beside the images`,
    );
  }
  return { texts, classes, captions };
}

/** Most captions that stand in the place of classes: each image is compared with all of them, once. */
const mostContrasts = 2048;

/** How captions are said another way. */
interface TextWays {
  readonly text?: AugmentOptions['text'];
  readonly seed: number;
  /** By models. */
  readonly sayings?: Sayings;
}

/** A caption's other ways to say it; the same for every image of a class that has it. */
function otherWays(caption: string, keep: readonly string[], { text, seed, sayings }: TextWays): string[] {
  if (!text) return [];
  return Array.from({ length: text.variants }, (_, variant) =>
    augmentText(caption, text, new Random(seed, 'text', caption, variant), keep, sayings),
  );
}

/** The student's tokenizer, and the most tokens a text may have (see {@link sharedTextLimit}). */
export interface StudentTexts {
  readonly tokenizer: Tokenizer;
  readonly limit: number;
}

/**
 * All texts with the teacher's features of them. Each model gets them from its own tokenizer: where the two differ, the
 * student's ids and the teacher's features are of the same texts all the same.
 *
 * @param withWords also keep the features of every token, for the cross-modal map
 * @param read where the teacher's features come from
 * @throws UserError where those are wanted and the tokenizers do not even split a text into the same words
 */
export async function buildTextBank(
  teacher: Teacher,
  list: TextList,
  student: StudentTexts,
  withWords: boolean,
  read: (tokens: TokenizedTexts, withWords: boolean) => Promise<TeacherTexts> = teacher.texts,
): Promise<TextBank> {
  const { tokenizer } = student;
  const own = tokenizeAll(tokenizer, list.texts, student.limit);
  const alike = !teacher.tokenizer.fullLength && cutAlike(teacher.tokenizer, tokenizer, list.texts);
  const positions = teacher.config.text_config.max_position_embeddings;
  const tokens = alike ? own : tokenizeAll(teacher.tokenizer, list.texts, positions);
  const alignment =
    withWords && !alike
      ? alignWords(list.texts, { ...own, tokenizer }, { ...tokens, tokenizer: teacher.tokenizer })
      : undefined;
  const made = await read(tokens, withWords);
  const { length: wordsLength, ends: wordsEnds } = tokens;
  return {
    ...list,
    ...own,
    ...made,
    tokenizer,
    width: teacher.config.projection_dim,
    wordsLength,
    wordsEnds,
    alignment,
  };
}

/** Whether two tokenizers turn all texts into the same ids. */
function cutAlike(a: Tokenizer, b: Tokenizer, texts: readonly string[]): boolean {
  if (a === b) return true;
  const cut = (tokenizer: Tokenizer, text: string) => [tokenizer.startId, ...tokenizer.tokens(text), tokenizer.endId];
  return texts.every((text) => cut(a, text).join() === cut(b, text).join());
}

/** The teacher's token features of the named texts, into `out` [rows, wordsLength, width]. */
export function gatherWords(bank: TextBank, rows: readonly number[], out: Float32Array): void {
  if (!bank.words) throw new Error('gatherWords: the bank was built without token features');
  const size = bank.wordsLength * bank.width;
  for (const [i, row] of rows.entries()) halfToFloat(bank.words.subarray(row * size, (row + 1) * size), out, i * size);
}

/** How many tokens a text may have in both towers, with `prompts` more in the student's. */
export function sharedTextLimit(teacher: ClipConfig, student: ClipConfig, prompts: number): number {
  const positions = ({ text_config }: ClipConfig) => text_config.max_position_embeddings;
  return Math.min(positions(teacher), textRoom(positions(student), prompts));
}
