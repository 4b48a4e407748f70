import { setTimeout as wait } from 'node:timers/promises';
import type { Group } from './group.js';
import type { MpiLibrary } from './mpi-library.js';

/**
 * Numbers that are summed, or bytes that are sent, at once. Open MPI's rings for larger ones are several times slower a byte,
 * and what the sums come into stays small.
 */
const PIECE = 1 << 20;
/** MPI_THREAD_FUNNELED: only this thread calls it. */
const FUNNELED = 1;
/** Longest wait between two looks at a barrier that timers go on in, and at one that blocks; ms. */
const [LONGEST_LOOK, LONGEST_NAP] = [50, 1];
/** How long a process looks again and again before it lets others have its core; ms. */
const EAGER = 0.05;

/** Starts MPI in this process: once, and for good. */
export function startMpi(library: MpiLibrary): Group {
  const { bind } = library;
  bind('int MPI_Init_thread(void *argc, void *argv, int required, void *provided)')(
    null,
    null,
    FUNNELED,
    new Int32Array(1),
  );
  const { world, float, byte, sum } = library.handles();
  const number = (of: 'rank' | 'size'): number => {
    const out = new Int32Array(1);
    bind(`int MPI_Comm_${of}(HANDLE comm, void *out)`)(world, out);
    return out[0]!;
  };
  const allReduce = bind('int MPI_Allreduce(void *from, void *to, int count, HANDLE type, HANDLE op, HANDLE comm)');
  const broadcast = bind('int MPI_Bcast(void *data, int count, HANDLE type, int root, HANDLE comm)');
  const begin = bind('int MPI_Ibarrier(HANDLE comm, void *request)');
  const test = bind('int MPI_Test(void *request, void *flag, void *status)');
  const finalize = bind('int MPI_Finalize()');
  const size = number('size');
  // Not in place: the constant that asks for it is another in every library.
  const sums = new Float32Array(PIECE);
  const done = new Int32Array(1);
  const status = new Uint8Array(128);
  const beginBarrier = (): (() => boolean) => {
    const request = new BigInt64Array(1);
    begin(world, request);
    return () => {
      test(request, done, status);
      return done[0] !== 0;
    };
  };
  const spent = { waiting: 0, summing: 0 };
  const bed = new Int32Array(new SharedArrayBuffer(4));
  /** Waits for the others without burning a core, as MPI itself does: whoever is still computing may need it. */
  const meet = () => {
    const over = beginBarrier();
    const came = performance.now();
    for (let nap = EAGER; !over(); ) {
      if (performance.now() - came < EAGER) continue;
      Atomics.wait(bed, 0, 0, nap);
      nap = Math.min(LONGEST_NAP, nap * 1.5);
    }
  };
  return {
    rank: number('rank'),
    size,
    library: library.version,
    spent,
    allReduce(data) {
      if (size === 1) return;
      const before = performance.now();
      meet();
      const met = performance.now();
      for (let from = 0; from < data.length; from += PIECE) {
        const part = data.subarray(from, from + PIECE);
        allReduce(part, sums, part.length, float, sum, world);
        part.set(part.length === PIECE ? sums : sums.subarray(0, part.length));
      }
      spent.waiting += met - before;
      spent.summing += performance.now() - met;
    },
    broadcast(data, from = 0) {
      for (let at = 0; at < data.length; at += 4 * PIECE) {
        const part = data.subarray(at, at + 4 * PIECE);
        broadcast(part, part.length, byte, from, world);
      }
    },
    async barrier() {
      const over = beginBarrier();
      for (let pause = 0; !over(); pause = Math.min(LONGEST_LOOK, pause + 1)) await wait(pause);
    },
    close() {
      finalize();
    },
  };
}
