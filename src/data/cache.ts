import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where things that can be made again are kept: `PROMPTKD_CACHE`, or `promptkd` in the user's cache folder. */
export function cacheFolder(): string {
  const { PROMPTKD_CACHE, XDG_CACHE_HOME } = process.env;
  return PROMPTKD_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'promptkd');
}
