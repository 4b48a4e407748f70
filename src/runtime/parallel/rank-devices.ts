import { UserError } from '../../errors.js';
import type { Device } from '../device.js';
import { sessionError } from '../device-fault.js';

/**
 * The number of each rank's device: on CUDA every rank has a GPU of its own, 0 … ranks − 1; on the CPU none has a number.
 *
 * @throws UserError for WebGPU, which is one device: two of its sessions at once end the process (ONNX Runtime's issue 32561)
 */
export function rankDevices(device: Device, ranks: number): readonly (number | undefined)[] {
  if (device === 'webgpu' && ranks > 1) {
    throw new UserError(
      `--tensor-parallel ${ranks}: --device webgpu is one device, which runs one session at a time; expected --device cuda, with a GPU a rank, or cpu`,
    );
  }
  return Array.from({ length: ranks }, (_, rank) => (device === 'cuda' ? rank : undefined));
}

/** An error of creating the sessions of rank `rank`: a UserError where the device does not work or there are too few GPUs. */
export function rankError(device: Device, rank: number, ranks: number, error: unknown): unknown {
  if (device === 'cuda' && /invalid device ordinal/.test(String(error))) {
    return new UserError(
      `--tensor-parallel ${ranks}: each worker has a GPU of its own, and CUDA shows no GPU ${rank} (they count from 0); ` +
        'take as many workers as "nvidia-smi -L" lists and CUDA_VISIBLE_DEVICES allows',
    );
  }
  return sessionError(device, error);
}
