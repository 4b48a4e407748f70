import * as ort from 'onnxruntime-node';
import type { HostTensor } from '../tensor/index.js';

/** An array as ONNX Runtime takes it, in place. */
export function ortTensor({ shape, data }: HostTensor): ort.Tensor {
  return data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
}
