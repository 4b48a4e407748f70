/** Control characters and what turns the direction of text; in Markdown no line end either. */
const acts = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;

/** Anybody's text as Markdown that shows it as it is, in one line: no HTML, no links, no formatting. */
export function plain(text: string): string {
  return text
    .replace(acts, ' ')
    .trim()
    .replace(/&/g, '&amp;')
    .replace(/[\\`*_{}[\]()!|~]/g, '\\$&')
    .replace(/[<>@]|^[-+#=]|(?<=:)\/\/|(?<=www)\./gi, (signs) => [...signs].map(entity).join(''));
}

/** For what would begin a tag, a list or a title, or make a link of an address. */
const entity = (sign: string) => `&#${sign.charCodeAt(0)};`;

/** The text that {@link plain} was given, but for control characters. */
export const unescaped = (markdown: string): string =>
  markdown
    .replace(/&#(\d{1,3});/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/\\([\\`*_{}[\]()!|~])/g, '$1')
    .replaceAll('&amp;', '&');

/** Anybody's text as code in a line: the fence is longer than every run of backticks inside it. */
export function code(text: string): string {
  const line = text.replace(acts, ' ');
  const fence = '`'.repeat(longestRun(line) + 1);
  // Readers take one space off both ends: backticks there do not join the fence.
  return fence === '`' && line.trim() !== '' ? `\`${line}\`` : `${fence} ${line} ${fence}`;
}

/** Anybody's text as a block of code. */
export function codeBlock(text: string, language: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  const shown = text.replace(acts, (signs) => signs.replace(/[^\n\t]/g, ' '));
  return `${fence}${language}\n${shown}\n${fence}`;
}

/** JSON that stands in a block of code fenced by three backticks: the same value, and no end of the block. */
export const inCode = (json: string): string => json.replaceAll('`', '\\u0060');

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
