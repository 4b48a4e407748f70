// How much of the machine other processes took while something was timed. Known on Linux alone.
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const known = existsSync('/proc/stat');
const TICKS_A_SECOND = 100; // USER_HZ, the same on every Linux that Node runs on

/** Seconds that all processors were busy. */
function machineSeconds() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_A_SECOND;
}

/** Processor seconds of this process and of `children`, by their ids. */
function ownSeconds(children) {
  const { user, system } = process.cpuUsage();
  let total = (user + system) / 1e6;
  for (const id of children) {
    const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1].split(' ');
    total += (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }
  return total;
}

/**
 * Runs `work` and says which share of the machine others used meanwhile, from 0 to 1; 0 where that cannot be known.
 *
 * @param children ids of the processes that belong to the measurement
 */
export async function watched(work, children = []) {
  if (!known) return { result: await work(), others: 0 };
  const start = performance.now();
  const before = machineSeconds() - ownSeconds(children);
  const result = await work();
  const used = machineSeconds() - ownSeconds(children) - before;
  const seconds = (performance.now() - start) / 1000;
  return { result, others: Math.max(0, used) / (seconds * availableParallelism()) };
}
