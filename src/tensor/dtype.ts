import { type DType, formatShape, type Tensor } from './tensor.js';

/** The type of an array's numbers. */
export function dtypeOf(data: Float32Array | Int32Array | Uint16Array | Uint8Array): DType {
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint8Array) return 'uint8';
  return data instanceof Uint16Array ? 'float16' : 'float32';
}

/** An array's bytes, in place. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** @throws where an operand is not float32, naming the op and the type and shape of each. */
export function requireFloat(op: string, ...operands: readonly Tensor[]): void {
  if (operands.every((x) => x.dtype === 'float32')) return;
  throw new Error(`${op}: expected float32, got ${operands.map(describeTensor).join(' and ')}; cast what is not`);
}

/** @throws where two operands differ in type, naming the op and the type and shape of both. */
export function requireSameType(op: string, a: Tensor, b: Tensor): void {
  if (a.dtype === b.dtype) return;
  throw new Error(`${op}: types differ: ${describeTensor(a)} and ${describeTensor(b)}; cast one of them`);
}

/** Type and shape, for messages: `int32 [2, 3]`. */
export function describeTensor(x: Tensor): string {
  return `${x.dtype} ${formatShape(x.shape)}`;
}
