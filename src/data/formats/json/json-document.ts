import { imageName } from '../tables/column-contents.js';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The rows of a JSON object that is a whole table: a list in one of its fields (`{"data": [{…}, …]}`), what is said of each
 * image by its name (`{"1.png": "a cat"}`), or columns (`{"image": ["1.png", …], "caption": ["a cat", …]}`, or by their
 * places, as pandas writes them).
 *
 * @returns undefined where it is none of these
 */
export function rowsOfDocument(document: unknown): unknown[] | undefined {
  if (!isFields(document)) return undefined;
  const entries = Object.entries(document);
  const lists = entries.flatMap(([, value]) => (Array.isArray(value) && isFields(value[0]) ? [value] : []));
  if (lists.length === 1 && namesImage(lists[0]![0]) && !namesImage(document)) return lists[0];
  const [names, values] = [entries.map(([name]) => name), entries.map(([, value]) => value)];
  if (names.length > 0 && names.every((name) => imageName.test(name))) {
    return entries.map(([image, said]) => ({ image, ...(isFields(said) ? said : { caption: said }) }));
  }
  return rowsOfColumns(names, values);
}

/** Whether one of an object's own fields is the name of an image. */
const namesImage = (fields: Fields): boolean =>
  Object.values(fields).some((value) => typeof value === 'string' && imageName.test(value));

function rowsOfColumns(names: readonly string[], values: readonly unknown[]): unknown[] | undefined {
  const columns = values.map((value) =>
    Array.isArray(value) ? value : isPlaces(value) ? Object.values(value) : undefined,
  );
  const [first] = columns;
  if (names.length < 2 || !first || first.length < 2) return undefined;
  if (!columns.every((column) => column?.length === first.length)) return undefined;
  if (!columns.some((column) => column!.every((cell) => typeof cell === 'string' && imageName.test(cell)))) {
    return undefined;
  }
  return first.map((_, row) => Object.fromEntries(names.map((name, i) => [name, columns[i]![row]])));
}

/** Whether an object's fields are 0, 1, 2 …. */
const isPlaces = (value: unknown): value is Fields =>
  isFields(value) && Object.keys(value).every((key, place) => key === String(place));
