import { JSONParser } from '@streamparser/json';
import { UserError } from '../../../errors.js';
import { readText } from '../text-file.js';

/** A value that a path names: its key, what it lies in, and the keys above it. */
export type StreamedValue = Parameters<JSONParser['onValue']>[0];

/** Levels of lists and objects: the parser looks through all that are open at the end of each. */
const maxDepth = 200;
/** Characters of one text: an annotation is a sentence, and the parser holds all of it. */
const longestText = 1 << 24;

/**
 * Reads values out of a JSON file as it streams in, in the memory of one of them.
 *
 * @param paths which values, as `$.images.*`
 * @param read what it throws ends the reading, and is thrown
 * @throws UserError where the file cannot be read, is not JSON, cut short, or very deep
 */
export async function streamJson(
  file: string,
  paths: readonly string[],
  read: (value: StreamedValue) => void,
): Promise<void> {
  const parser = new JSONParser({ paths: [...paths], keepStack: false });
  const bounds = new Bounds(file);
  let fault: unknown;
  parser.onError = (error) => {
    fault ??= new UserError(`${file}: expected JSON: ${error.message}`);
  };
  parser.onValue = (value) => {
    if (fault !== undefined) return;
    // What is thrown in here the parser would take for a fault of its own.
    try {
      read(value);
    } catch (error) {
      fault = error;
    }
  };
  // Decoded here: the parser refuses a whole file for one text that is not UTF-8.
  for await (const piece of readText(file)) {
    bounds.take(piece);
    parser.write(piece);
    if (fault !== undefined) break;
  }
  if (fault === undefined && !parser.isEnded) parser.end();
  if (fault !== undefined) throw fault;
}

/** Looks at a JSON text, piece by piece, before it is parsed. */
class Bounds {
  private depth = 0;
  private isText = false;
  /** Of the text that is open. */
  private length = 0;
  private isEscaped = false;

  constructor(private readonly file: string) {}

  /** @throws UserError for levels without end, or a text of megabytes */
  take(piece: string): void {
    const [outside, inside] = [/["[\]{}]/g, /["\\]/g];
    let at = 0;
    if (this.isEscaped) [at, this.isEscaped] = [1, false];
    while (at < piece.length) {
      const signs = this.isText ? inside : outside;
      signs.lastIndex = at;
      const found = signs.exec(piece);
      const end = found?.index ?? piece.length;
      if (this.isText) {
        this.length += end - at;
        if (this.length > longestText)
          throw new UserError(`${this.file}: expected no text of ${longestText} characters`);
      }
      at = end + 1;
      switch (found?.[0]) {
        case '"':
          this.isText = !this.isText;
          this.length = 0;
          break;
        case '\\':
          this.isEscaped = at === piece.length;
          at++;
          break;
        case '[':
        case '{':
          if (++this.depth > maxDepth) {
            throw new UserError(`${this.file}: expected at most ${maxDepth} levels of lists and objects`);
          }
          break;
        case ']':
        case '}':
          this.depth--;
      }
    }
  }
}
