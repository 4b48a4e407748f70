/** A word on a sheet of images. */
export interface SheetText {
  readonly text: string;
  readonly x: number;
  /** Of the baseline. */
  readonly y: number;
  /** It is cut to about this width. */
  readonly width: number;
  /** @defaultValue 'middle' */
  readonly anchor?: 'start' | 'middle';
  readonly bold?: boolean;
}

/** Font size of the words on sheets, in pixels. */
export const sheetFontSize = 11;

/**
 * What is written and drawn on a sheet, as an SVG that is laid over its images.
 *
 * @param shapes SVG elements beneath the words
 */
export function sheetOverlay(
  width: number,
  height: number,
  texts: readonly SheetText[],
  shapes: readonly string[] = [],
): Buffer {
  const words = texts.map(({ text, x, y, width: room, anchor = 'middle', bold }) => {
    const most = Math.max(1, Math.floor(room / (sheetFontSize * (bold ? 0.68 : 0.56))));
    const short = text.length > most ? `${text.slice(0, most - 1)}…` : text;
    return `<text x="${x}" y="${y}" text-anchor="${anchor}"${bold ? ' font-weight="bold"' : ''}>${escaped(short)}</text>`;
  });
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="${sheetFontSize}" fill="#334">${shapes.join('')}${words.join('')}</svg>`,
  );
}

/** Text in SVG; control characters, which XML cannot hold, are left out. */
function escaped(text: string): string {
  return text.replace(/\p{Cc}/gu, '').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
