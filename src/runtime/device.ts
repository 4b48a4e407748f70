import { availableParallelism } from 'node:os';
import type * as ort from 'onnxruntime-node';
import { closest, UserError } from '../errors.js';

export const devices = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof devices)[number];

/** @throws UserError for a name that is no device, with the nearest one. */
export function parseDevice(name: string): Device {
  if ((devices as readonly string[]).includes(name)) return name as Device;
  const near = closest(name, devices);
  throw new UserError(
    `--device ${name}: expected one of ${devices.join(', ')}${near ? `; did you mean ${near}?` : ''}`,
  );
}

/** @internal Session options for one device alone, so that no other provider answers for it unseen. */
export function sessionOptions(
  device: Device,
  options: { threads?: number; optimizedModelPath?: string; profilePrefix?: string },
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // ONNX Runtime's own default counts physical cores, which on a virtual machine can come out as one.
    intraOpNumThreads: options.threads ?? availableParallelism(),
    ...(options.optimizedModelPath === undefined ? {} : { optimizedModelFilePath: options.optimizedModelPath }),
    ...(options.profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
    extra: {
      // Threads would spin on for 40 ms after a run, on cores that the next session needs, as a cascade's next stage.
      session: { force_spinning_stop: '1' },
      // Which transposes the CPU had better copy is decided where the product is traced; cuBLAS reads either way as fast.
      ...(device === 'cuda' ? {} : { optimization: { disable_specified_optimizers: 'MatmulTransposeFusion' } }),
    },
  };
}
