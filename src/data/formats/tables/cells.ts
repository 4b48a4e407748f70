/** What tables write where a cell is empty: those that pandas knows. */
const missing = new Set(
  ['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN'].concat(
    ...['<NA>', 'N/A', 'NA', 'NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
  ),
);
/** Fields of an object that hold its text, the likeliest first. */
const textFields = [
  ...[
    'caption',
    'captions',
    'text',
    'texts',
    'raw',
    'sentence',
    'sentences',
    'value',
    'content',
    'title',
    'description',
  ],
];
/** Fields of an object that hold a class, names before numbers. */
const classFields = [
  'name',
  'class_name',
  'className',
  'label_name',
  'label',
  'class',
  'category',
  'text',
  'value',
  'id',
];

/** Fields of an object that hold the number of its class. */
const numberFields = ['id', 'label_id', 'class_id', 'category_id', 'index', 'idx', 'label', 'value'];

/** Called for a cell that holds something else than what is wanted of it; says what it holds. */
export type OnUnread = (what: string) => void;

const utf8 = new TextDecoder();

const fieldOf = (cell: object, names: readonly string[]): unknown => {
  const name = names.find((one) => Object.hasOwn(cell, one) && (cell as Record<string, unknown>)[one] != null);
  return name === undefined ? undefined : (cell as Record<string, unknown>)[name];
};

/**
 * The texts of a cell: of a list each, of an object those of its field for it (`{"raw": "…"}`), or all its fields where they
 * are texts alone (`{"en": "…", "de": "…"}`). Numbers are written out.
 */
export function textsOf(cell: unknown, onUnread: OnUnread): string[] {
  if (cell === null || cell === undefined) return [];
  if (typeof cell === 'string') return missing.has(cell.trim()) ? [] : (writtenList(cell.trim()) ?? [cell.trim()]);
  if (typeof cell === 'number' || typeof cell === 'bigint') return Number.isNaN(cell) ? [] : [String(cell)];
  if (cell instanceof Uint8Array) return textsOf(utf8.decode(cell), onUnread);
  if (Array.isArray(cell)) return cell.flatMap((one) => textsOf(one, onUnread));
  if (typeof cell === 'object' && !(cell instanceof Date)) {
    const own = fieldOf(cell, textFields);
    if (own !== undefined) return textsOf(own, onUnread);
    const { tokens } = cell as { tokens?: unknown };
    if (Array.isArray(tokens)) return [tokens.join(' ')];
    const values = Object.values(cell).filter((value) => value !== null && value !== undefined);
    if (values.every(isText)) return values.flatMap((value) => textsOf(value, onUnread));
  }
  onUnread(typeof cell === 'boolean' ? 'true or false' : 'an object without a text');
  return [];
}

const isText = (value: unknown): boolean =>
  typeof value === 'string' || value instanceof Uint8Array || (Array.isArray(value) && value.every(isText));

/**
 * The class that a cell says, as a name or a number; undefined where it says none. Of an object its name; a list holds one
 * class, or is one-hot: 1 at the class's place and 0 elsewhere.
 */
export function classOf(cell: unknown, onUnread: OnUnread): string | undefined {
  if (cell === null || cell === undefined) return undefined;
  if (typeof cell === 'string') {
    const list = writtenList(cell.trim());
    return list ? classOf(list, onUnread) : missing.has(cell.trim()) ? undefined : cell.trim();
  }
  if (typeof cell === 'number' || typeof cell === 'bigint') return Number.isNaN(cell) ? undefined : String(cell);
  if (typeof cell === 'boolean') return String(cell);
  if (cell instanceof Uint8Array) return classOf(utf8.decode(cell), onUnread);
  if (Array.isArray(cell)) {
    if (cell.length <= 1) return classOf(cell[0], onUnread);
    const flags = cell.map(flagOf);
    if (flags.every((flag) => flag !== undefined) && flags.filter(Boolean).length === 1)
      return String(flags.indexOf(true));
    onUnread('several classes');
    return undefined;
  }
  const own = cell instanceof Date ? undefined : fieldOf(cell as object, classFields);
  if (own === undefined) onUnread('an object without a class');
  return own === undefined ? undefined : classOf(own, onUnread);
}

/** The number of a class that a cell names, of an object with a name and a number: `{"id": 3, "name": "crane"}`. */
export function classNumberOf(cell: unknown): unknown {
  if (typeof cell !== 'object' || cell === null || Array.isArray(cell)) return undefined;
  const number = fieldOf(cell, numberFields);
  const isWhole = typeof number === 'bigint' || Number.isInteger(number);
  return isWhole && String(number) !== classOf(cell, () => {}) ? number : undefined;
}

/** A quoted text and what follows it in a list. */
const listed = /\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(,|$)/gsy;

/** The texts of a list as tables write it, in JSON or as Python prints it: `["a", "b"]`, `['a', "b's"]`. */
function writtenList(text: string): string[] | undefined {
  if (!/^\[\s*["'].*["']\s*\]$/s.test(text)) return undefined;
  const inside = text.slice(1, -1);
  const found = [...inside.matchAll(listed)];
  if (found.reduce((length, [all]) => length + all.length, 0) !== inside.length) return undefined;
  return found.map(([, quoted]) => quoted!.slice(1, -1).replace(/\\(.)/gs, (_, sign) => (sign === 'n' ? '\n' : sign)));
}

/** 1 or 0, in the ways that tables write them; undefined for anything else. */
export function flagOf(cell: unknown): boolean | undefined {
  if (typeof cell === 'boolean') return cell;
  const text = typeof cell === 'string' ? cell.trim().toLowerCase() : String(cell);
  if (/^(1(\.0*)?|true)$/.test(text)) return true;
  return /^(0(\.0*)?|false)$/.test(text) ? false : undefined;
}
