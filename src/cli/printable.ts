/**
 * Text of somebody's data as it may stand on a terminal: control characters, which could move the cursor or set its title,
 * are written out (`\\x1b`). Line ends stay.
 */
export const printable = (text: string): string =>
  text.replace(/(?!\n)\p{Cc}/gu, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
