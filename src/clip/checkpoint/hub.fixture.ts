import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const sha = 'c0ffee'.repeat(6).padEnd(40, '0');

/** A server with the endpoints of the Hugging Face hub that fetching a model uses, for one model. */
export interface FakeHub {
  readonly url: string;
  /** `GET /path` and its `Range`, of every request. */
  readonly requests: string[];
  /** What the files' bytes are when they are sent, where they are not what the listing says. */
  readonly sent: Map<string, Buffer>;
  /** Files cut off after so many bytes, once. */
  readonly cut: Map<string, number>;
  /** What its answers say of files, or of the `revision`, in place of what is true. */
  readonly listed: Map<string, object>;
  /** Milliseconds before each file. */
  slow: number;
  close(): Promise<void>;
}

/** Large files (over 1 kB) are listed with the SHA-256 of LFS, the others as git's blobs. */
export async function fakeHub(id: string, files: Readonly<Record<string, Buffer>>): Promise<FakeHub> {
  const requests: string[] = [];
  const sent = new Map<string, Buffer>();
  const cut = new Map<string, number>();
  const listed = new Map<string, object>();
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://hub');
    const { range } = request.headers;
    requests.push(`${url.pathname}${range ? ` ${range}` : ''}`);
    const json = (status: number, content: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
    if (url.pathname.startsWith('/portal')) return response.end(sent.get('portal'));
    if (url.pathname === `/api/models/${id}/revision/main`)
      return json(200, { _id: '1', id, sha, ...listed.get('revision') });
    if (url.pathname === `/api/models/${id}/tree/${sha}`)
      return json(
        200,
        Object.entries(files).map((one) => ({ ...entry(one), ...listed.get(one[0]) })),
      );
    const prefix = `/${id}/resolve/${sha}/`;
    const name = url.pathname.slice(prefix.length);
    const content = url.pathname.startsWith(prefix) ? (sent.get(name) ?? files[name]) : undefined;
    if (!content) return json(404, { error: 'Repository not found' });
    const [from, to] = /^bytes=(\d+)-(\d+)$/
      .exec(range ?? '')
      ?.slice(1)
      .map(Number) ?? [0, content.length - 1];
    const part = content.subarray(from, to! + 1);
    response.writeHead(range ? 206 : 200, {
      etag: `"${digest(files[name]!).oid}"`,
      'x-repo-commit': sha,
      'accept-ranges': 'bytes',
      'content-length': part.length,
      ...(range ? { 'content-range': `bytes ${from}-${to}/${content.length}` } : {}),
    });
    const end = cut.get(name);
    if (end === undefined || part.length === 1) return setTimeout(() => response.end(part), hub.slow);
    cut.delete(name);
    return response.write(part.subarray(0, end), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hub: FakeHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sent,
    cut,
    listed,
    slow: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return hub;
}

/** The checksum that names a file's blob. */
export function digest(content: Buffer): { oid: string; lfs: boolean } {
  const git = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const lfs = content.length > 1000;
  return { lfs, oid: lfs ? createHash('sha256').update(content).digest('hex') : git };
}

function entry([path, content]: [string, Buffer]): object {
  const { oid, lfs } = digest(content);
  const size = content.length;
  return lfs
    ? { type: 'file', path, size, oid: '0'.repeat(40), lfs: { oid, size, pointerSize: 130 } }
    : { type: 'file', path, size, oid };
}
