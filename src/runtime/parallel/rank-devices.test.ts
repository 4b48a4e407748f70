import { expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { DeviceFault } from '../device-fault.js';
import { sessionOptions } from '../session.js';
import { rankDevices, rankError } from './rank-devices.js';

// What is asked of ONNX Runtime alone: several GPUs were never at hand.
it('gives each rank on CUDA a GPU of its own, and none of the others a number', () => {
  const providers = (device: 'cpu' | 'cuda', ranks: number) =>
    rankDevices(device, ranks).map((deviceId) => sessionOptions(device, { deviceId }).executionProviders);
  expect(providers('cuda', 4)).toEqual([0, 1, 2, 3].map((deviceId) => [{ name: 'cuda', deviceId }]));
  expect(providers('cpu', 2)).toEqual([['cpu'], ['cpu']]);
  expect(sessionOptions('cuda', {}).executionProviders).toEqual(['cuda']);
});

it('refuses several ranks on WebGPU', () => {
  expect(rankDevices('webgpu', 1)).toEqual([undefined]);
  expect(() => rankDevices('webgpu', 2)).toThrow(UserError);
});

it('says where there are fewer GPUs than ranks, and leaves other errors what they are', () => {
  const said = new Error('CUDA failure 101: invalid device ordinal ; GPU=0 ; expr=cudaSetDevice(info_.device_id);');
  const fault = rankError('cuda', 2, 4, said);
  expect(fault).toBeInstanceOf(UserError);
  expect(fault).not.toBeInstanceOf(DeviceFault);
  expect(String(fault)).toMatch(/--tensor-parallel 4: .* no GPU 2 /);
  expect(rankError('cuda', 0, 4, new Error('CUDA failure 100: no CUDA-capable device'))).toBeInstanceOf(DeviceFault);
  const other = new Error('not an op');
  expect(rankError('cuda', 0, 4, other)).toBe(other);
});
