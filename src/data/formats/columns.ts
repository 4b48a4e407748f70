import { closest, UserError } from '../../errors.js';
import type { ColumnContent } from './column-contents.js';

/** Names that columns usually have, the likeliest first. */
const usual = {
  image: [
    ...[
      /^images?$/i,
      /^img$/i,
      /^file_?names?$/i,
      /^(image|img|photo|picture)_?(path|file|name|file_?name|file_?path)$/i,
    ],
    ...[/^file_?path$/i, /^path$/i, /^file$/i, /^(photo|picture)s?$/i, /^(image|img)?_?ids?$/i],
  ],
  text: [
    /^(texts?|txt|captions?|title|sentences?|description|raw|comment|prompt|alt(_?text)?)(_?\d+|_[a-z]{2})?$/i,
    /^(en|english)_?(text|caption)$/i,
  ],
  class: [
    ...[/^class_?names?$/i, /^label_?(names?|text|str)$/i, /^category_?names?$/i, /^(class|classes)$/i, /^category$/i],
    ...[/^labels?$/i, /^(class|label|category)_?(id|idx|index)$/i, /^fine_label$/i, /^(species|breed|target)$/i],
  ],
  split: [/^(split|set|partition|subset|fold_?name)$/i],
} as const;
type Role = keyof typeof usual;

/** A column of true and false that says a split: `is_train`, `is_valid`. */
const splitFlag = /^is_?(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)$/i;

/** The columns that a table's parts are read from; any but the image's may be missing. */
export interface Columns extends Readonly<Record<Role, readonly string[]>> {
  /** Whether the columns of the class are one a class, with 1 in the one that an image is of. */
  readonly isOneHot: boolean;
  /** The numbers of the classes, where `class` has their names. */
  readonly number?: string;
  /** Which split a column of true and false means by true. */
  readonly splitFlag?: string;
}

/** What is known of columns by their names, in their order. */
export type Contents = ReadonlyMap<string, ColumnContent>;

/**
 * Chooses the columns by their roles: those given, several with commas between them; otherwise by their usual names and
 * by what they hold. Images are in the column that holds names of image files; names of classes come before numbers;
 * without a column of classes, columns of 1 and 0 alone are one a class.
 *
 * @throws UserError for a column that is missing
 */
export function chooseColumns(file: string, contents: Contents, options: Readonly<Record<string, string>>): Columns {
  const names = [...contents.keys()];
  const given = (role: Role): string[] | undefined => {
    const wanted = options[role]?.split(',').map((name) => name.trim());
    for (const name of wanted ?? []) {
      if (names.includes(name)) continue;
      const near = closest(name, names);
      throw new UserError(
        `${file}: no column ${name}; it has ${names.join(', ')}${near ? `; did you mean ${near}?` : ''}`,
      );
    }
    return wanted;
  };
  const image = given('image') ?? imageColumn(contents).slice(0, 1);
  if (image.length === 0) {
    throw new UserError(
      `${file}: no column of images; it has ${names.join(', ')}: name it with ?image=COLUMN behind --data`,
    );
  }
  const others = names.filter((name) => !image.includes(name));
  const text = given('text') ?? usualNames('text', others);
  const rest = others.filter((name) => !text.includes(name));
  const flag = rest.find((name) => splitFlag.test(name) && holdsOnly(contents.get(name)!, 'flags'));
  const named = given('split') ?? usualNames('split', rest).slice(0, 1);
  const split = named.length === 0 && flag !== undefined ? [flag] : named;
  const classes = classColumns(
    contents,
    given('class'),
    rest.filter((name) => !split.includes(name)),
  );
  return { image, text, split, ...classes, ...(split[0] === flag && flag && { splitFlag: splitFlag.exec(flag)![1]! }) };
}

function usualNames(role: Role, names: readonly string[]): string[] {
  return usual[role].flatMap((pattern) => names.filter((name) => pattern.test(name)));
}

const holdsOnly = (content: ColumnContent, kind: 'flags' | 'numbers') =>
  content.filled > 0 && content[kind] === content.filled;

/** Columns of images, the likeliest first. */
function imageColumn(contents: Contents): string[] {
  const names = [...contents.keys()];
  const known = usualNames('image', names);
  const mostly = (kind: 'images' | 'addresses') => (name: string) => {
    const content = contents.get(name)!;
    return content.filled > 0 && 2 * content[kind] >= content.filled;
  };
  return [
    ...known.filter(mostly('images')),
    ...names.filter(mostly('images')),
    ...known,
    ...names.filter(mostly('addresses')),
  ];
}

function classColumns(
  contents: Contents,
  given: readonly string[] | undefined,
  rest: readonly string[],
): Pick<Columns, 'class' | 'isOneHot' | 'number'> {
  const isNumber = (name: string) => holdsOnly(contents.get(name)!, 'numbers');
  const isFlag = (name: string) => holdsOnly(contents.get(name)!, 'flags');
  if (given) return { class: given, isOneHot: given.length > 1 && given.every(isFlag) };
  const known = usualNames('class', rest).filter((name) => contents.get(name)!.filled > 0);
  const names = known.filter((name) => !isNumber(name));
  const number = known.find(isNumber);
  if (names.length > 0) return { class: [names[0]!], isOneHot: false, ...(number !== undefined && { number }) };
  if (number !== undefined) return { class: [number], isOneHot: false };
  const flags = rest.filter((name) => isFlag(name) && !splitFlag.test(name));
  return flags.length > 1 ? { class: flags, isOneHot: true } : { class: [], isOneHot: false };
}
