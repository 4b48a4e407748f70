import { UserError } from '../../errors.js';
import type { Settings } from './options.js';

/** Whether only this machine reaches a server that listens at this host. */
export function isLocal(host: string): boolean {
  return /^(localhost|::1|127(\.\d{1,3}){3})$/i.test(host);
}

/**
 * @throws UserError for a host or port that is none, and where others could ask without a key though nobody said that
 *   they may
 */
export function checkAddress({ host, port, keys = [], withoutKeys }: Settings): void {
  // Node would take an empty host for every address of this machine.
  if (host.trim() === '') throw new UserError(`--host: expected an address or a name, got ${JSON.stringify(host)}`);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new UserError(`--port: expected a whole number from 0 to 65535, got ${port}`);
  }
  if (keys.length > 0 && withoutKeys) throw new UserError('--without-keys: expected no bearer keys, got some');
  if (keys.length === 0 && !withoutKeys && !isLocal(host)) {
    throw new UserError(
      `--host ${host}: expected bearer keys, since others can reach it: give --key-file or PROMPTKD_API_KEYS, or let anyone ask with --without-keys`,
    );
  }
}
