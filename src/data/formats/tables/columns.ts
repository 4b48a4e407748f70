import { closest, UserError } from '../../../errors.js';
import type { ColumnContent } from './column-contents.js';

/** Names that columns usually have, as {@link plainHeader} writes them, the likeliest first. */
const usual = {
  image: [
    ...[
      /^images?$/,
      /^img$/,
      /^file_?names?$/,
      /^(image|img|photo|picture)_?(path|file|name|file_?name|file_?path)s?$/,
    ],
    ...[/^file_?paths?$/, /^paths?$/, /^files?$/, /^(photo|picture)s?$/, /^(image|img)?_?ids?$/],
  ],
  text: [
    /^(texts?|txt|captions?|titles?|sentences?|descriptions?|raw|comments?|prompts?|alt(_?text)?)(_?\d+|_[a-z]{2})?$/,
    /^(en|english|image|img|alt|short|long|detailed|raw|generated|blip|caption)_?(texts?|captions?|descriptions?)(_?\d+)?$/,
  ],
  class: [
    ...[/^class_?names?$/, /^label_?(names?|text|str)$/, /^(category|target)_?names?$/, /^class(es|_?labels?)?$/],
    ...[/^categor(y|ies)$/, /^labels?$/, /^(class|label|category|target)_?(id|idx|index|num|number|no|code)s?$/],
    ...[/^fine_label$/, /^(species|breed|variety|target|diagnosis|disease|dx)$/],
  ],
  split: [/^(split|set|partition|subset|fold_?name)s?$/],
} as const;
/** Words of columns that may be wanted though their names are not known. */
const hints = /text|caption|descri|label|class|categor|tag|species/;

/** A column's name as the patterns have it: `Image Path`, `image-path` and `imagePath` are `image_path`. */
const plainHeader = (name: string): string =>
  name
    .replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1_$2')
    .replace(/[^\p{L}\d]+/gu, '_')
    .replace(/^_|_$/g, '')
    .toLowerCase();

type Role = keyof typeof usual;

/** A column of true and false that says a split: `is_train`, `is_valid`. */
const splitFlag = /^is_?(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)$/;

/** The columns that a table's parts are read from; any but the image's may be missing. */
export interface Columns extends Readonly<Record<Role, readonly string[]>> {
  /** Whether the columns of the class are one a class, with 1 in the one that an image is of. */
  readonly isOneHot: boolean;
  /** The numbers of the classes, where `class` has their names. */
  readonly number?: string;
  /** Columns of texts that may have the names of the classes, where `class` has their numbers. */
  readonly mayName: readonly string[];
  /** Columns of texts that are not read, though somebody may want them. */
  readonly unread: readonly string[];
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
  const flag = rest.find((name) => splitFlag.test(plainHeader(name)) && holdsOnly(contents.get(name)!, 'flags'));
  const split = given('split') ?? splitColumn(contents, rest, flag);
  const classes = classColumns(
    contents,
    given('class'),
    rest.filter((name) => !split.includes(name)),
  );
  const read = [...split, ...classes.class, classes.number];
  const left = rest.filter((name) => !read.includes(name) && holdsTexts(contents.get(name)!));
  const [label] = classes.class;
  const areNumbers = !classes.isOneHot && label !== undefined && holdsOnly(contents.get(label)!, 'numbers');
  const isBare = text.length === 0 && label === undefined;
  return {
    ...{ image, text, split, ...classes },
    mayName: areNumbers && options.class === undefined ? left : [],
    unread: left.filter((name) => isBare || hints.test(plainHeader(name))),
    ...(split[0] === flag && flag && { splitFlag: splitFlag.exec(plainHeader(flag))![1]! }),
  };
}

function usualNames(role: Role, names: readonly string[]): string[] {
  return usual[role].flatMap((pattern) => names.filter((name) => pattern.test(plainHeader(name))));
}

const holdsOnly = (content: ColumnContent, kind: 'flags' | 'numbers' | 'splits') =>
  content.filled > 0 && content[kind] === content.filled;

/** Neither numbers nor names of images. */
const holdsTexts = ({ filled, images, addresses, numbers, flags }: ColumnContent): boolean =>
  filled > 0 && Math.max(images, addresses, numbers, flags) < filled;

/** A column by its usual names, of 1 and 0 by its name, or one that holds names of splits alone. */
function splitColumn(contents: Contents, rest: readonly string[], flag: string | undefined): string[] {
  const [named] = usualNames('split', rest);
  const classes = usualNames('class', rest);
  const found =
    named ?? flag ?? rest.find((name) => holdsOnly(contents.get(name)!, 'splits') && !classes.includes(name));
  return found === undefined ? [] : [found];
}

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
  const flags = rest.filter((name) => isFlag(name) && !splitFlag.test(plainHeader(name)));
  return flags.length > 1 ? { class: flags, isOneHot: true } : { class: [], isOneHot: false };
}
