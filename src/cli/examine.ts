import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { compile, type Device, devices } from '../runtime/index.js';
import { add, input } from '../tensor/index.js';
import { versions } from './recipe-file.js';

/** One line of `promptkd doctor`: `bad` must be mended, `missing` is optional and absent. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'missing' | 'bad';
  readonly detail: string;
}

/** Looks at versions, cores, memory, image decoding, and at every device by running a tiny program on it. */
export async function examine(): Promise<Finding[]> {
  const found = versions();
  const enoughNode = Number(found.node?.split('.')[0]) >= 20;
  const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  return [
    {
      name: 'node',
      state: enoughNode ? 'ok' : 'bad',
      detail: `${found.node} on ${found.platform}${enoughNode ? '' : '; Node 20 or later is needed'}`,
    },
    { name: 'cores', state: 'ok', detail: String(availableParallelism()) },
    {
      name: 'memory',
      state: totalmem() > 3 * 2 ** 30 ? 'ok' : 'bad',
      detail: `${gigabytes(freemem())} of ${gigabytes(totalmem())} GiB free; the demo needs 3`,
    },
    await images(),
    { name: 'onnxruntime', state: 'ok', detail: `${found['onnxruntime-node']}` },
    ...(await Promise.all(devices.map(tryDevice))),
  ];
}

async function images(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    return { name: 'images', state: 'ok', detail: `sharp with libvips ${sharp.versions.vips}` };
  } catch (error) {
    return { name: 'images', state: 'bad', detail: `sharp does not load: ${firstLine(error)}; run npm ci again` };
  }
}

/** What to do where a device does not work. */
const remedies: Readonly<Record<Device, string>> = {
  cpu: '',
  webgpu:
    process.platform === 'linux'
      ? '; it needs a GPU’s Vulkan driver and the loader (Debian: libvulkan1; with NVIDIA’s driver also libglvnd0, libglx0 and libegl1)'
      : '',
  cuda: '; it needs an NVIDIA driver and CUDA’s cuBLAS, cuRAND and runtime on the library path',
};

async function tryDevice(device: Device): Promise<Finding> {
  // Asked for without its libraries, ONNX Runtime writes a red error of its own.
  if (device === 'cuda' && !hasCuda()) {
    const script = 'node node_modules/onnxruntime-node/script/install.js';
    const detail = `not here: onnxruntime-node’s CUDA libraries are not installed; "${script}" fetches them (Linux, CUDA 12)`;
    return { name: device, state: 'missing', detail };
  }
  try {
    const program = await compile({ outputs: { y: add(input('x', [2]), 1) } }, { device });
    const { y } = await program.run({ x: { shape: [2], data: new Float32Array([1, 2]) } });
    await program.dispose();
    const right = y?.data[0] === 2 && y.data[1] === 3;
    return { name: device, state: right ? 'ok' : 'bad', detail: right ? 'computes' : 'gives wrong results' };
  } catch (error) {
    return {
      name: device,
      state: device === 'cpu' ? 'bad' : 'missing',
      detail: `not here: ${firstLine(error)}${remedies[device]}`,
    };
  }
}

function hasCuda(): boolean {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(entry, '../../bin/napi-v6', process.platform, process.arch);
  return existsSync(folder) && readdirSync(folder).some((file) => file.includes('providers_cuda'));
}

/** The first line of an error, without the place in ONNX Runtime's sources that it often starts with. */
function firstLine(error: unknown): string {
  const line = String(error instanceof Error ? error.message : error).split('\n')[0]!;
  return (
    line.replace(/^\/onnxruntime_src\/.*?(?:\) |\w+ was false\. |$)/, '').slice(0, 160) || 'it could not be set up'
  );
}
