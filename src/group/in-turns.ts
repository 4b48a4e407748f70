import { hostname } from 'node:os';
import { type Group, gatherTexts } from './group.js';

/**
 * Lets every process make something out of files that the first ones to come leave for the others: first the group's first
 * process, then the first one on each other machine, which finds a shared folder filled or fills its own, then all the rest.
 *
 * @param make `stopped`: whether one that had its turn before was stopped on the way
 * @param isWhole whether it was not
 */
export async function inTurns<T>(
  group: Group | undefined,
  make: (stopped: boolean) => Promise<T>,
  isWhole: (made: T) => boolean,
): Promise<T> {
  if (!group || group.size === 1) return make(false);
  const hosts = gatherTexts(group, hostname());
  const firstHere = hosts.indexOf(hosts[group.rank]!) === group.rank;
  const turn = group.rank === 0 ? 0 : firstHere ? 1 : 2;
  let made: { readonly it: T } | undefined;
  let stopped = false;
  for (let now = 0; now < 3; now++) {
    if (now === turn) made = { it: await make(stopped) };
    await group.barrier();
    const cut = Float32Array.of(made && !isWhole(made.it) ? 1 : 0);
    group.allReduce(cut);
    stopped = cut[0]! > 0;
  }
  return made!.it;
}

/** Place of this process among those of its machine, from 0, and how many those are. */
export function placeOnHost(group: Group): { readonly rank: number; readonly size: number } {
  const hosts = gatherTexts(group, hostname());
  const own = hosts[group.rank];
  const before = hosts.slice(0, group.rank).filter((host) => host === own).length;
  return { rank: before, size: hosts.filter((host) => host === own).length };
}
