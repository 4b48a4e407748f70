import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { Device } from './device.js';

/** What to do where a device does not work. */
const remedies: Readonly<Record<Device, string>> = {
  cpu: '',
  webgpu:
    process.platform === 'linux'
      ? '; it needs a GPU’s Vulkan driver and the loader (Debian: libvulkan1; with NVIDIA’s driver also libglvnd0, libglx0 and libegl1)'
      : '',
  cuda: '; it needs an NVIDIA driver and CUDA’s cuBLAS, cuRAND and runtime on the library path',
};

/** A device does not work on this machine. */
export class DeviceFault extends UserError {
  /** Why, and what to do about it. */
  readonly detail: string;

  /** @param cause what ONNX Runtime said */
  constructor(device: Device, cause: unknown) {
    const detail = `not here: ${device === 'cuda' && !hasCuda() ? noCuda : firstLine(cause) + remedies[device]}`;
    super(`--device ${device}: ${detail}`);
    this.detail = detail;
  }
}

/**
 * What ONNX Runtime says where it cannot set a device up, whatever the model is. Too little memory (CUDA's error 2) is the
 * model's matter, as is an op that the device has not.
 */
const setupFailures =
  /AppendExecutionProvider|onnxruntime_providers|backend not found|webgpu_context|WebGPU (adapter|device)|CUDA failure (?!2:)/;

/** @internal An error of creating a session; a {@link DeviceFault} where it is the device's. */
export function sessionError(device: Device, error: unknown): unknown {
  return device !== 'cpu' && setupFailures.test(String(error)) ? new DeviceFault(device, error) : error;
}

const noCuda =
  'onnxruntime-node’s CUDA libraries are not installed; "node node_modules/onnxruntime-node/script/install.js" fetches them (Linux, CUDA 12)';

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
