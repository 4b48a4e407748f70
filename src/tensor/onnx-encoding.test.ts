import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { expect, it } from 'vitest';
import * as t from './index.js';

it('a model in pieces is the model that protobuf reads, and its weights are not copied', () => {
  const data = Float32Array.from({ length: 300 }, (_, i) => i / 7);
  const half = { shape: [4, 2], data: Uint16Array.from({ length: 8 }, (_, i) => i) };
  const x = t.input('x', ['n', 4]);
  const wide = t.matmul(x, t.input('w', [4, 75]));
  const y = t.sum(t.reshape(wide, [wide.shape[0]!, 75, 1]), [1]);
  const outputs = { y, z: t.matmul(x, t.input('h', [4, 2])) };
  const { parts, bytes } = t.toOnnx({ outputs, initializers: { w: { shape: [4, 75], data }, h: half } });
  const model = fromBinary(ModelProtoSchema, bytes);
  const tensors = new Map(model.graph!.initializer.map((tensor) => [tensor.name, tensor]));
  expect(tensors.get('w')).toMatchObject({ dims: [4n, 75n], rawData: new Uint8Array(data.buffer) });
  expect(tensors.get('h.half')!.rawData).toEqual(new Uint8Array(half.data.buffer));
  expect(model.graph!.initializer.some(({ int64Data }) => int64Data.length > 0)).toBe(true);
  expect(model.graph!.input.map(({ name }) => name)).toEqual(['x']);
  // Read and written again by protobuf alone it is as long: nothing is there twice.
  expect(toBinary(ModelProtoSchema, model)).toHaveLength(bytes.length);
  expect(parts.some(({ buffer }) => buffer === data.buffer)).toBe(true);
});
