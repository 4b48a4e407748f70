import { closest, UserError } from '../../errors.js';

/** Names that columns usually have, in the order they are looked for. */
const usual = {
  image: /^(image|img|filepath|file_?path|file_?name|image_?(path|file|name)|path|file)$/i,
  text: /^(text|txt|captions?|title|sentences?|description|raw)(_?\d+)?$/i,
  class: /^(class_?name|class|category|label)$/i,
  split: /^(split|set|partition|subset)$/i,
} as const;
type Role = keyof typeof usual;

/** The columns that a table's parts are read from; any but the image's may be missing. */
export type Columns = Readonly<Record<Role, readonly string[]>>;

/**
 * @param names the columns there are
 * @param options columns by their roles, several with commas between them; otherwise known by their usual names
 * @throws UserError for a column that is missing
 */
export function chooseColumns(
  file: string,
  names: readonly string[],
  options: Readonly<Record<string, string>>,
): Columns {
  const choose = (role: Role): string[] => {
    const given = options[role]?.split(',') ?? [];
    for (const name of given) {
      if (names.includes(name)) continue;
      const near = closest(name, names);
      throw new UserError(
        `${file}: no column ${name}; it has ${names.join(', ')}${near ? `; did you mean ${near}?` : ''}`,
      );
    }
    if (given.length > 0) return given;
    const found = names.filter((name) => usual[role].test(name));
    return role === 'text' ? found : found.slice(0, 1);
  };
  const columns = { image: choose('image'), text: choose('text'), class: choose('class'), split: choose('split') };
  if (columns.image.length === 0) {
    throw new UserError(
      `${file}: no column of pictures; it has ${names.join(', ')}: name it with ?image=COLUMN behind --data`,
    );
  }
  return columns;
}
