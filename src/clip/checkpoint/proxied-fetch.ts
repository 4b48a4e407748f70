import { getProxyForUrl } from 'proxy-from-env';
import { ProxyAgent, type RequestInit, fetch as undiciFetch } from 'undici';

const agents = new Map<string, ProxyAgent>();

/** The proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in either case, name for an address; empty where they name none. */
export const proxyFor = (address: string): string => getProxyForUrl(address);

/** `fetch` by the proxy that the environment names. Node's own reads these variables in its newest versions alone. */
export async function proxiedFetch(address: string | URL, init: object = {}): Promise<Response> {
  const proxy = proxyFor(String(address));
  if (!proxy) return fetch(address, init);
  const dispatcher = agents.get(proxy) ?? new ProxyAgent(proxy);
  agents.set(proxy, dispatcher);
  const given: RequestInit = { ...init, dispatcher };
  // It is what Node's own fetch is built on: the same values under types of another name.
  return (await undiciFetch(address, given)) as unknown as Response;
}
