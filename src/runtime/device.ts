import { closest, UserError } from '../errors.js';

/** All devices. */
export const devices = ['cpu', 'webgpu', 'cuda'] as const;
/** What computes: this machine's CPU, WebGPU or CUDA. */
export type Device = (typeof devices)[number];

/**
 * The device of a name.
 *
 * @throws UserError for a name that is no device, with the nearest one.
 */
export function parseDevice(name: string): Device {
  if ((devices as readonly string[]).includes(name)) return name as Device;
  const near = closest(name, devices);
  throw new UserError(
    `--device ${name}: expected one of ${devices.join(', ')}${near ? `; did you mean ${near}?` : ''}`,
  );
}
