export { type Device, devices, parseDevice } from './device.js';
export { DeviceFault } from './device-fault.js';
export { FusedLoop } from './fused-loop/fused-loop.js';
export { loopArrays } from './fused-loop/loop-memory.js';
export { askForHugePages, canAskForHugePages, hugePages, hugePageTunable } from './huge-pages.js';
export { OnnxFile } from './onnx-file.js';
export type { Feed } from './ort-tensor.js';
export type { ShardAxis } from './parallel/parallel-program.js';
export { rankDevices } from './parallel/rank-devices.js';
export { product } from './product.js';
export { type CompileOptions, compile, type ProgramInput, type Runnable } from './program.js';
export {
  compileResident,
  type Feeds,
  type Reports,
  type Resident,
  type ResidentGraph,
  type ResidentOptions,
} from './resident/resident.js';
