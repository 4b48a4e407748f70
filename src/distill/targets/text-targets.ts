import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenizedTexts } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { checksum, readSafetensors, writeSafetensors } from '../../files/index.js';
import type { Teacher, TeacherTexts } from '../teacher/teacher.js';
import type { TextProgress } from '../teacher/text-progress.js';
import { TEXTS } from './target-manifest.js';

/**
 * The teacher's features of all texts of a run, kept in the folder of its stored targets: one file, with the fingerprint of
 * teacher and token ids and a checksum of each tensor. One that does not fit is made anew.
 */
export class TextTargets {
  private kept:
    | { readonly fingerprint: string; readonly tokens: TokenizedTexts; readonly texts: TeacherTexts }
    | undefined;
  private made = false;
  private readonly path: string;

  /** @param dir folder of the target store, which need not be there yet */
  constructor(
    private readonly teacher: Teacher,
    dir: string,
    private readonly progress: TextProgress,
  ) {
    this.path = join(dir, TEXTS);
  }

  /**
   * Reads the features, or has the teacher make them.
   *
   * @param tokens of the teacher's tokenizer
   * @param withWords also the features of every token
   * @throws the signal's reason where it is aborted
   */
  async of(tokens: TokenizedTexts, withWords: boolean): Promise<TeacherTexts> {
    const fingerprint = fingerprintOf(this.teacher, tokens);
    const stored = existsSync(this.path) ? readStored(this.path, fingerprint, withWords) : undefined;
    const texts = stored ?? (await this.teacher.texts(tokens, withWords, this.progress));
    this.kept = { fingerprint, tokens, texts };
    this.made = !stored;
    return texts;
  }

  /**
   * Writes what the teacher has made, once the folder is known to be a target store; and what was read, where the store was
   * emptied since.
   */
  async save(): Promise<void> {
    if (!this.kept || (!this.made && existsSync(this.path))) return;
    const { fingerprint, tokens, texts } = this.kept;
    const { embeds, words } = texts;
    const { length } = tokens;
    const [count, width] = [tokens.ends.length, this.teacher.config.projection_dim];
    await writeSafetensors(
      this.path,
      {
        embeds: { shape: [count, width], data: embeds },
        ...(words && { words: { dtype: 'F16' as const, shape: [count, length, width], data: words } }),
      },
      { metadata: { fingerprint, embeds: checksum(embeds), ...(words && { words: checksum(words) }) } },
    );
    this.made = false;
  }
}

/** What is stored, where it is of these texts, has all that is wanted and is not damaged. */
function readStored(path: string, fingerprint: string, withWords: boolean): TeacherTexts | undefined {
  const isWords = (name: string) => name === 'words';
  try {
    const { tensors, raw, metadata } = readSafetensors(path, { raw: isWords, skip: (n) => isWords(n) && !withWords });
    const embeds = tensors.embeds?.data as Float32Array | undefined;
    const words = raw.words?.data as Uint16Array | undefined;
    if (metadata.fingerprint !== fingerprint || !embeds || checksum(embeds) !== metadata.embeds) return undefined;
    if (!withWords) return { embeds };
    return words && checksum(words) === metadata.words ? { embeds, words } : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined; // damaged
    throw error;
  }
}

function fingerprintOf(teacher: Teacher, { ids, ends, length }: TokenizedTexts): string {
  return `${teacher.fingerprint()} ${length} ${checksum(ids)} ${checksum(ends)}`;
}
