import type { ZodType } from 'zod';
import { UserError } from '../../../errors.js';
import { issueError } from '../../../schema-issue.js';
import { streamJson } from './json-stream.js';

/** What to do with the elements of the lists of a JSON object, by the lists' names; `''` is the file itself as a list. */
export type ElementReaders = Readonly<Record<string, (element: unknown, index: number) => void>>;

/** Reads an element of a known shape. @throws UserError naming the file and the field that is not as expected */
export function element<T>(file: string, list: string, shape: ZodType<T>, read: (value: T) => void) {
  return (value: unknown, index: number): void => {
    const result = shape.safeParse(value, { reportInput: true });
    if (!result.success) {
      const issue = result.error.issues[0]!;
      throw issueError({ ...issue, path: [list, index, ...issue.path] }, file);
    }
    read(result.data);
  };
}

/**
 * Reads the lists of a JSON object element by element as the file streams in, so that a file of any size takes the memory
 * of one element: COCO's instances are 450 MB. Other fields are passed over.
 *
 * @returns how many elements each list has
 * @throws UserError where the file cannot be read, is not JSON, or cut short, where a field is no list, and what a reader throws
 */
export async function readElements(file: string, readers: ElementReaders): Promise<ReadonlyMap<string, number>> {
  const paths = Object.keys(readers).map((name) => (name === '' ? '$.*' : `$.${name}.*`));
  const counts = new Map<string, number>();
  await streamJson(file, paths, ({ value, parent, stack }) => {
    const list = String(stack[1]?.key ?? '');
    const index = counts.get(list) ?? 0;
    counts.set(list, index + 1);
    if (!Array.isArray(parent)) throw new UserError(`${file}: ${list && `${list}: `}expected a list, got fields`);
    readers[list]!(value, index);
  });
  return counts;
}
