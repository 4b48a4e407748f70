export { type Precision, precisions } from '../tensor/index.js';
export { type Device, devices, parseDevice } from './device.js';
export { DeviceFault } from './device-fault.js';
export { FusedLoop } from './fused-loop.js';
export { askForHugePages, canAskForHugePages, hugePages, hugePageTunable } from './huge-pages.js';
export { loopArrays } from './loop-memory.js';
export { OnnxFile } from './onnx-file.js';
export type { Feed } from './ort-tensor.js';
export type { ShardAxis } from './parallel-program.js';
export { product } from './product.js';
export { type CompileOptions, compile, type ProgramInput, type Runnable } from './program.js';
export { rankDevices } from './rank-devices.js';
export {
  compileResident,
  type Feeds,
  type Reports,
  type Resident,
  type ResidentGraph,
  type ResidentOptions,
} from './resident.js';
