import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { runtimeFiles } from '../model-file.js';
import type { FileFetcher } from './fetch-file.js';
import type { Backend, Device } from './protocol.js';

type Ort = typeof import('onnxruntime-web');

/** An ONNX encoder in this browser. */
export interface Encoder {
  readonly session: InferenceSession;
  readonly ort: Ort;
}

/** An image within this many milliseconds needs no GPU, whose runtime is twice as large to fetch. */
const QUICK = 20;

/**
 * Opens the vision encoder where it shall run. With `auto` that is WASM, and where an image takes longer than 20 ms
 * there and the browser has a GPU, whichever of the two was faster.
 *
 * @param files fetches the runtime that is used; that of the device, or of WASM with `auto`, was expected
 * @param feed one image, as a tensor of the runtime that is tried
 */
export async function openVision(
  bytes: Uint8Array,
  device: Device,
  files: FileFetcher,
  feed: (ort: Ort) => Record<string, Tensor>,
): Promise<{ encoder: Encoder; backend: Backend }> {
  if (device === 'webgpu') {
    try {
      return await openOn('webgpu', bytes, files, feed);
    } catch (error) {
      files.expect(runtimeFiles.wasm);
      const wasm = await openOn('wasm', bytes, files, feed);
      return { ...wasm, backend: { ...wasm.backend, note: `WebGPU cannot be used here: ${reason(error)}` } };
    }
  }
  const wasm = await openOn('wasm', bytes, files, feed);
  if (device === 'wasm' || wasm.backend.warm <= QUICK || (await findGpu())?.isFallbackAdapter !== false) return wasm;
  try {
    files.expect(runtimeFiles.webgpu);
    const webgpu = await openOn('webgpu', bytes, files, feed);
    const [kept, other] = webgpu.backend.warm < wasm.backend.warm ? [webgpu, wasm] : [wasm, webgpu];
    await other.encoder.session.release();
    return kept;
  } catch (error) {
    return { ...wasm, backend: { ...wasm.backend, note: `WebGPU cannot be used here: ${reason(error)}` } };
  }
}

/** Opens the text encoder in a runtime that is there already; on the CPU, where short texts are quickest. */
export async function openText(bytes: Uint8Array, { ort }: Encoder): Promise<Encoder> {
  return { ort, session: await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] }) };
}

async function openOn(
  device: 'wasm' | 'webgpu',
  bytes: Uint8Array,
  files: FileFetcher,
  feed: (ort: Ort) => Record<string, Tensor>,
): Promise<{ encoder: Encoder; backend: Backend }> {
  if (device === 'webgpu' && !(await findGpu())) throw new Error('this browser offers no GPU');
  const ort = await (device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'));
  const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = new URL('ort/', files.base).href;
  ort.env.wasm.wasmBinary = await files.unpacked(runtimeFiles[device]);
  // Warnings of nodes that run on the CPU are no news to whoever opens the console.
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [device], logSeverityLevel: 3 });
  return { encoder: { ort, session }, backend: { device, threads, warm: await warm(session, feed(ort)) } };
}

/** Median of three runs after the first, in ms. */
async function warm(session: InferenceSession, feeds: Record<string, Tensor>): Promise<number> {
  await session.run(feeds);
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    await session.run(feeds);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[1]!;
}

/** What of WebGPU is used here: TypeScript's own library does not know it. */
interface Gpu {
  requestAdapter(): Promise<{ readonly info: { readonly isFallbackAdapter?: boolean } } | null>;
}

async function findGpu(): Promise<{ isFallbackAdapter: boolean } | undefined> {
  const { gpu } = navigator as { gpu?: Gpu };
  const adapter = await gpu?.requestAdapter();
  return adapter ? { isFallbackAdapter: adapter.info.isFallbackAdapter === true } : undefined;
}

/** In ONNX Runtime's words where there are any: of an operator that is not in its build it gives the code alone. */
function reason(error: unknown): string {
  const { message } = error as Error;
  const [, code, words = message] = /ERROR_CODE: (\d+), ERROR_MESSAGE: *(.*)/s.exec(message) ?? [];
  const line = words.trim().split('\n')[0]!;
  if (line !== '') return line;
  return code === '9'
    ? 'this build of ONNX Runtime lacks an operator of the model (error 9).'
    : `ONNX Runtime refused the model without a reason (error ${code}).`;
}
