import { expect, it } from 'vitest';
import { foldedTable, textTable } from './text-table.js';

const wide = (columns: number) => [
  ['model', ...Array.from({ length: columns }, (_, i) => `column ${i} %`)],
  ['student', ...Array.from({ length: columns }, (_, i) => `${i}1.5 (10.0–20.0)`)],
];

it('keeps a table that fits 80 columns, and folds one that does not below its first column', () => {
  expect(foldedTable(wide(3))).toBe(textTable(wide(3)));
  const folded = foldedTable(wide(9));
  for (const line of folded.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(folded.split('\n\n').map((part) => part.split(' ')[0])).toEqual(['model', 'model', 'model']);
  for (let i = 0; i < 9; i++) expect(folded).toContain(`${i}1.5 (10.0–20.0)`);
});
