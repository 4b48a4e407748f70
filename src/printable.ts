/** What a terminal acts upon instead of showing it: control characters but line ends and tabs, and what turns the direction of text. */
const acts = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * A text for a terminal. Names of files, classes and fields are anybody's, and a terminal that shows them must not clear
 * its screen, set its title or hide what follows: such characters are written as `\x1b`, `\u202e`.
 */
export function printable(text: string): string {
  return text.replace(acts, (character) => {
    const code = character.codePointAt(0)!;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** A value in JSON, of which a terminal shows all: the same value, with such characters in JSON's own form. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(
    acts,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}
