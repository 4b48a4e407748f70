/**
 * Whether a browser sends a request for a page of another site: such a page may not read the answer, but a form of it
 * would have this server work, and asks nobody first. What is no browser sends neither header.
 */
export function isCrossSite(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site');
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const origin = header('origin');
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== header('host');
}
