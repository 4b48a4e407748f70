import * as ort from 'onnxruntime-node';
import { dtypeOf, type HalfTensor, type HostTensor } from '../tensor/index.js';

/** What an input is fed: an array of float32, int32, uint8 or, as whole numbers, float16. */
export interface Feed {
  readonly shape: readonly number[];
  readonly data: (HostTensor | HalfTensor)['data'] | Uint8Array;
}

/** An array as ONNX Runtime takes it, in place. */
export function ortTensor({ shape, data }: Feed): ort.Tensor {
  const tensor = new ort.Tensor(dtypeOf(data) as 'float32', data as Float32Array, shape);
  // Where there is a Float16Array (Node 23) it becomes one, which the binding takes for empty (onnxruntime's pull request 32323).
  if (data instanceof Uint16Array) Object.defineProperty(tensor, 'data', { value: data });
  return tensor;
}
