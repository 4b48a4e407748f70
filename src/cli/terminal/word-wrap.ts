/**
 * A line cut between words, so that no part is wider than `columns`; parts after the first are indented as far as the text of
 * a line that begins with blanks, or a label and blanks (`chosen     Student: …`). A longer word stays whole.
 */
export function wordWrap(line: string, columns: number): string[] {
  if (line.length <= columns) return [line];
  const [label = ''] = /^\S* {2,}/.exec(line) ?? [];
  const indent = ' '.repeat(label.length);
  const parts: string[] = [];
  let part = label;
  for (const word of line.slice(label.length).split(' ')) {
    const begun = part.length > indent.length;
    if (begun && part.length + 1 + word.length > columns) {
      parts.push(part);
      part = indent + word;
    } else part += begun ? ` ${word}` : word;
  }
  return [...parts, part];
}
