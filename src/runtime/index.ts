export { type Device, devices, parseDevice } from './device.js';
export { type CompileOptions, compile, Program, type ProgramInput } from './program.js';
