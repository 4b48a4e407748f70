import { MessageChannel } from 'node:worker_threads';

const { port1: sink, port2 } = new MessageChannel();
port2.close();

// glibc maps and unmaps a large array each time, and touching new pages costs more than filling them. Freeing one array
// of 32 MB, its limit, raises the size up to which it keeps freed memory to that (mallopt(3), M_MMAP_THRESHOLD).
release(new ArrayBuffer(2 ** 25 - 2 ** 16));

/**
 * Frees an array's memory now, where the garbage collector would take its time: ONNX Runtime returns each output in a
 * new array, even where it has filled the one it was given, and hundreds of megabytes would wait at every step.
 */
export function release(buffer: ArrayBuffer): void {
  // A message to a closed port is dropped with all that was transferred by it.
  sink.postMessage(undefined, [buffer]);
}
