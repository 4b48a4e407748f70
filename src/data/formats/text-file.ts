import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { cannotRead, refuseDevice } from '../../files/index.js';

/**
 * The text of a file, piece by piece: UTF-8, or UTF-16 as Excel and Notepad write it, known by its mark or by the zero
 * bytes of its first letters. A mark is left out; bytes that are no text become U+FFFD.
 *
 * @throws UserError where the file cannot be read
 */
export async function* readText(file: string): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  try {
    refuseDevice(await stat(file));
    const stream = createReadStream(file, { highWaterMark: 1 << 20 });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      decoder ??= new TextDecoder(encodingOf(chunk));
      yield decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    // What the reader of the text throws does not come by here: only the stream does.
    throw cannotRead(file, error);
  }
  const rest = decoder?.decode();
  if (rest) yield rest;
}

/** The text of a file whole. @throws UserError where it cannot be read */
export async function readWholeText(file: string): Promise<string> {
  let text = '';
  for await (const piece of readText(file)) text += piece;
  return text;
}

function encodingOf([a, b, c, d]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if ((a === 0xff && b === 0xfe) || (a && b === 0 && c && d === 0)) return 'utf-16le';
  if ((a === 0xfe && b === 0xff) || (a === 0 && b && c === 0 && d)) return 'utf-16be';
  return 'utf-8';
}

/** A line of a text file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end; left out where the line is longer than allowed. */
  readonly text?: string;
}

/** The lines of a text file as they are asked for, in the memory of one line. @param longest in characters */
export async function* readLongLines(file: string, longest: number): AsyncGenerator<Line> {
  let [number, text, isLong] = [1, '', false];
  const line = (): Line => ({
    number: number++,
    ...(!isLong && { text: text.endsWith('\r') ? text.slice(0, -1) : text }),
  });
  const add = (piece: string) => {
    isLong ||= text.length + piece.length > longest;
    text = isLong ? '' : text + piece;
  };
  for await (const piece of readText(file)) {
    let from = 0;
    for (let to = piece.indexOf('\n'); to >= 0; to = piece.indexOf('\n', from)) {
      add(piece.slice(from, to));
      yield line();
      [text, isLong, from] = ['', false, to + 1];
    }
    add(piece.slice(from));
  }
  if (text !== '' || isLong) yield line();
}
