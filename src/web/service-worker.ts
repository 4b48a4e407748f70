import { createHash } from 'node:crypto';
import { dirname } from 'node:path';

/**
 * The service worker with its page's version, files and checksums in front; the runtime's large files are kept when one is
 * first used. Of gzipped files it gets no checksum: a server may send one as an encoding, which the browser unpacks.
 */
export function serviceWorker(
  source: string,
  sums: Readonly<Record<string, string>>,
  bundled: readonly string[],
): string {
  const shell = bundled.filter((file) => dirname(file) === '.');
  const all = Object.entries(sums);
  const files = Object.fromEntries(all.map(([file, sum]) => [file, file.endsWith('.gz') ? '' : `sha256-${sum}`]));
  const version = createHash('sha256').update(JSON.stringify(sums)).update(source).digest('hex').slice(0, 16);
  return `self.site = ${JSON.stringify({ version, shell, files })};\n${source}`;
}
