import { readFileSync } from 'node:fs';

const TUNABLES = 'GLIBC_TUNABLES';
/** glibc 2.35 and later: malloc asks Linux for huge pages. Earlier ones, and other C libraries, do not read it. */
export const hugePageTunable = 'glibc.malloc.hugetlb=1';

/**
 * Whether the arrays of products and gradients lie in pages of 2 MB: `always` and `never` as Linux is set, for all;
 * `asked` or `could ask` where each process decides; undefined where there is no such setting.
 *
 * With pages of 4 KB, a training step spends a tenth of its time on finding them and having them emptied.
 */
export function hugePages(): 'always' | 'never' | 'asked' | 'could ask' | undefined {
  if (process.platform !== 'linux') return undefined;
  let modes: string;
  try {
    modes = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8');
  } catch {
    return undefined; // a kernel without them
  }
  if (modes.includes('[always]')) return 'always';
  if (modes.includes('[never]')) return 'never';
  return /glibc\.malloc\.hugetlb=[12]/.test(process.env[TUNABLES] ?? '') ? 'asked' : 'could ask';
}

/** Node's `process.execve`, of 22.15 and later. */
type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

/** Whether this Node can start a process anew in its own place. */
export const canAskForHugePages = 'execve' in process;

/**
 * Starts this process anew, in its own place, with malloc asking for huge pages: glibc reads that only when it starts.
 * Returns where it makes no difference, or where somebody has decided already.
 */
export function askForHugePages(): void {
  const set = process.env[TUNABLES];
  // A process that was forked has a channel to its parent, which would be lost.
  if (!canAskForHugePages || process.send || set?.includes('glibc.malloc.hugetlb') || hugePages() !== 'could ask')
    return;
  const tunables = set ? `${set}:${hugePageTunable}` : hugePageTunable;
  const { execve } = process as unknown as { execve: Execve };
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  execve.call(process, process.execPath, args, { ...process.env, [TUNABLES]: tunables });
}
