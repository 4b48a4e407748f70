/** Formats that are read, by the first bytes that their decoders go by: text formats as SVG never reach one. */
const formats: readonly { readonly name: string; readonly is: (head: string) => boolean }[] = [
  { name: 'JPEG', is: (head) => head.startsWith('\xff\xd8\xff') },
  { name: 'PNG', is: (head) => head.startsWith('\x89PNG\r\n\x1a\n') },
  { name: 'WebP', is: (head) => head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP' },
  { name: 'AVIF', is: (head) => /^ftypavi[fs]/.test(head.slice(4)) },
  { name: 'GIF', is: (head) => /^GIF8[79]a/.test(head) },
];

export const imageFormats = formats.map(({ name }) => name);

/** Whether a file begins as an image that is read. */
export function isImage(file: Uint8Array): boolean {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(16, file.byteLength)).toString('latin1');
  return formats.some(({ is }) => is(head));
}
