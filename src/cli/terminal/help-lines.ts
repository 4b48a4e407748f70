/** Widest line of help: terminals have 80 columns at least, and commander wraps the rest of it there. */
const widest = 80;

/** Words in lines of at most 80 columns, the second and further ones indented; empty lines in the text stay. */
export function wrapped(text: string, indent = ''): string {
  return text
    .split('\n')
    .map((line) => fill(line.split(' '), '', indent, ''))
    .join('\n');
}

/** A command in lines of at most 80 columns, as a shell takes it: each but the last ends in a backslash. */
export function shellLines(command: string): string {
  const words = command.match(/(?:"[^"]*"|\S)+/g) ?? [];
  // An option stays with its value.
  const parts: string[] = [];
  for (const word of words) {
    if (/^-/.test(word) || parts.length === 0 || !/^-\S*$/.test(parts.at(-1)!)) parts.push(word);
    else parts.push(`${parts.pop()} ${word}`);
  }
  return fill(parts, '  $ ', '      ', ' \\');
}

function fill(parts: readonly string[], first: string, next: string, end: string): string {
  const lines: string[] = [];
  let line = '';
  for (const part of parts) {
    const start = lines.length === 0 ? first : next;
    if (line !== '' && start.length + line.length + 1 + part.length + end.length > widest) {
      lines.push(start + line);
      line = part;
    } else line = line === '' ? part : `${line} ${part}`;
  }
  lines.push((lines.length === 0 ? first : next) + line);
  return lines.join(`${end}\n`);
}
