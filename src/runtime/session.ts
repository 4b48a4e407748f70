import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { UserError } from '../errors.js';
import type { Device } from './device.js';
import { sessionError } from './device-fault.js';

// What it logs about a device that cannot be set up, it throws as well.
ort.env.logLevel = 'fatal';

const levels = ['all', 'extended', 'basic', 'disabled'] as const;

export interface SessionOptions {
  readonly threads?: number;
  /** How far ONNX Runtime rewrites the graph before it runs it. @defaultValue PROMPTKD_GRAPH_OPTIMIZATION, or all */
  readonly optimization?: (typeof levels)[number];
  readonly optimizedModelPath?: string;
  readonly profilePrefix?: string;
  /** Which of several CUDA devices. @defaultValue CUDA's first */
  readonly deviceId?: number;
  /** What the model refers to; ONNX Runtime copies it. */
  readonly externalData?: ort.InferenceSession.SessionOptions['externalData'];
  /** Where outputs are to lie, by name. */
  readonly outputLocations?: Readonly<Record<string, ort.Tensor.DataLocation>>;
}

/**
 * PROMPTKD_GRAPH_OPTIMIZATION=disabled tells whether it is the rewriting that is at fault; and a graph that runs a few times
 * alone, as in a test, ends sooner without.
 *
 * @throws UserError where the variable is none of its levels
 */
function usualOptimization(): (typeof levels)[number] {
  const given = process.env.PROMPTKD_GRAPH_OPTIMIZATION ?? 'all';
  const level = levels.find((one) => one === given);
  if (level) return level;
  throw new UserError(
    `PROMPTKD_GRAPH_OPTIMIZATION: expected one of ${levels.join(', ')}, got ${JSON.stringify(given.slice(0, 100))}`,
  );
}

/**
 * @internal A session on one device alone, so that no other provider answers for it unseen.
 *
 * @param model path of an ONNX file, or its bytes
 * @throws DeviceFault where the device does not work on this machine
 */
export async function openSession(
  model: string | Uint8Array,
  device: Device,
  options: SessionOptions = {},
): Promise<ort.InferenceSession> {
  return createSession(model, device, options).catch((error: unknown) => {
    throw sessionError(device, error);
  });
}

/** @internal {@link openSession} for a thread whose errors are told by another: as ONNX Runtime throws them. */
export function createSession(
  model: string | Uint8Array,
  device: Device,
  options: SessionOptions,
): Promise<ort.InferenceSession> {
  const settings = sessionOptions(device, options);
  // The overloads take a path or bytes, not either.
  return typeof model === 'string'
    ? ort.InferenceSession.create(model, settings)
    : ort.InferenceSession.create(model, settings);
}

/** @internal */
export function sessionOptions(device: Device, options: SessionOptions): ort.InferenceSession.SessionOptions {
  const {
    threads,
    optimization = usualOptimization(),
    deviceId,
    optimizedModelPath,
    profilePrefix,
    externalData,
    outputLocations,
  } = options;
  return {
    executionProviders: [deviceId === undefined ? device : { name: device, deviceId }],
    graphOptimizationLevel: optimization,
    logSeverityLevel: 3,
    // ONNX Runtime's own default counts physical cores, which on a virtual machine can come out as one.
    intraOpNumThreads: threads ?? availableParallelism(),
    ...(optimizedModelPath === undefined ? {} : { optimizedModelFilePath: optimizedModelPath }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(externalData?.length ? { externalData } : {}),
    ...(outputLocations === undefined ? {} : { preferredOutputLocation: outputLocations }),
    extra: {
      // Threads would spin on for 40 ms after a run, on cores that the next session needs, as a cascade's next stage.
      session: { force_spinning_stop: '1' },
      // Which transposes the CPU had better copy is decided where the product is traced; cuBLAS reads either way as fast.
      ...(device === 'cuda' ? {} : { optimization: { disable_specified_optimizers: 'MatmulTransposeFusion' } }),
    },
  };
}
