import { classOf, textsOf } from '../tables/cells.js';

/** The captions of a text file: one a line. */
export const textLines = (text: string): string[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const captionFields = ['caption', 'captions', 'text', 'texts', 'sentences', 'title', 'description'];
/** Fields that hold such fields. */
const around = ['annotation', 'annotations', 'meta', 'metadata', 'data'];
const classFields = ['class_name', 'label_name', 'class', 'label', 'cls', 'category'];

/** What the JSON beside an image says: its captions, and its class by name or number. Of anything else nothing. */
export function jsonTexts(json: string): { captions: string[]; className?: string } {
  let content: unknown;
  try {
    content = JSON.parse(json.replace(/^\uFEFF/, ''));
  } catch {
    return { captions: [] };
  }
  const ignore = () => {};
  if (typeof content === 'string' || Array.isArray(content)) return { captions: textsOf(content, ignore) };
  if (typeof content !== 'object' || content === null) return { captions: [] };
  const fields = fieldsOf(content);
  const captions = captionFields.map((field) => textsOf(fields.get(field), ignore)).find((texts) => texts.length > 0);
  const className = classFields.map((field) => classOf(fields.get(field), ignore)).find((name) => name !== undefined);
  return { captions: captions ?? [], ...(className !== undefined && { className }) };
}

/** The fields of an object, those of the objects in it that are known to hold captions behind its own. */
function fieldsOf(content: object): ReadonlyMap<string, unknown> {
  const own = Object.entries(content);
  const inner = own.flatMap(([name, value]) =>
    around.includes(name) && typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value as object)
      : [],
  );
  return new Map([...inner, ...own]);
}
