import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mapParallel } from '../../parallel.js';
import type { Remarks } from '../../remarks.js';
import { jsonTexts, textLines } from '../shards/sample-texts.js';

/** Longer files beside images are no captions. */
const longest = 2 ** 20;

/**
 * The captions in text files beside images, as img2dataset's `files` output and others have them: `000000012.txt` or `.caption`, one
 * caption a line, or `caption` of `000000012.json`. Lists of boxes, as YOLO writes them, are none; they are counted.
 *
 * @param images paths below the folder, with slashes
 * @param others paths of the other files; those that were read are taken out
 */
export async function captionsBeside(
  folder: string,
  images: readonly string[],
  others: Set<string>,
  remarks: Remarks,
): Promise<Map<string, string[]>> {
  const captions = new Map<string, string[]>();
  if (others.size === 0) return captions;
  const read = new Set<string>();
  await mapParallel(images, async (id) => {
    const stem = id.slice(0, id.lastIndexOf('.'));
    const own: string[] = [];
    const [text = `${stem}.txt`, json] = [
      [`${stem}.txt`, `${stem}.caption`].find((name) => others.has(name)),
      `${stem}.json`,
    ];
    if (others.has(text)) {
      read.add(text);
      const content = await shortText(join(folder, text));
      if (content === undefined)
        remarks.add(`texts beside images that are longer than ${longest} bytes: not read`, text);
      else if (areBoxes(content)) remarks.add('files of boxes beside images: folder: reads no boxes, coco: does', text);
      else own.push(...textLines(content));
    }
    if (others.has(json)) {
      read.add(json);
      const content = own.length === 0 ? await shortText(join(folder, json)) : '';
      own.push(...jsonTexts(content ?? '').captions);
    }
    if (own.length > 0) captions.set(id, own);
  });
  for (const one of read) others.delete(one);
  return captions;
}

async function shortText(file: string): Promise<string | undefined> {
  if ((await stat(file)).size > longest) return undefined;
  const handle = await open(file);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Class and four or more numbers a line. */
const areBoxes = (text: string): boolean =>
  text.trim() !== '' &&
  text
    .trim()
    .split(/\r?\n/)
    .every((line) => /^\d+(\s+-?[\d.]+(e-?\d+)?){4,}\s*$/i.test(line));
