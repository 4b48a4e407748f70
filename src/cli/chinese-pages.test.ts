import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const page = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');

/** Blocks without their comments, everything between backticks, links and figures, sorted: languages put them in another order. */
function shown(text: string): Record<string, string[]> {
  const blocks = [...text.matchAll(/^```.*?^```/gms)].map(([block]) => block.replaceAll(/ *#.*$/gm, ''));
  const rest = text.replaceAll(/^```.*?^```/gms, '');
  const all = (pattern: RegExp) => [...rest.matchAll(pattern)].map(([, one]) => one!.replaceAll(/\s+/g, ' ')).sort();
  return {
    blocks,
    code: all(/`([^`]+)`/g),
    links: all(/\]\(((?!\S*(?:guide|README\.))[^)]+)\)/g),
    headings: all(/^(#+) /gm),
    rows: all(/^(\|)/gm),
  };
}

it.each([
  ['docs/guide.md', 'docs/guide.zh-CN.md'],
  ['README.md', 'README.zh-CN.md'],
])('%s is the same in Chinese: commands, links, chapters and rows', async (english, chinese) => {
  expect(shown(await page(chinese))).toEqual(shown(await page(english)));
});
