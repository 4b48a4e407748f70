import { create, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { OnnxEmitter } from './onnx-emitter.js';

/** A value at the border of a graph: its type, and its axes by size or by name. */
export type Border = readonly ['float32' | 'int64', ...(number | string)[]];

/** An ONNX file of what an emitter has collected, with inputs and outputs of any shape: as other software writes them. */
export function onnxFile(
  { nodes, initializers }: OnnxEmitter,
  inputs: Readonly<Record<string, Border>>,
  outputs: Readonly<Record<string, Border>>,
): Uint8Array {
  const values = (borders: Readonly<Record<string, Border>>) =>
    Object.entries(borders).map(([name, [type, ...axes]]) => {
      const dim = axes.map((axis) =>
        create(TensorShapeProto_DimensionSchema, {
          value:
            typeof axis === 'number' ? { case: 'dimValue', value: BigInt(axis) } : { case: 'dimParam', value: axis },
        }),
      );
      const elemType = type === 'int64' ? TensorProto_DataType.INT64 : TensorProto_DataType.FLOAT;
      const tensor = create(TypeProto_TensorSchema, { elemType, shape: create(TensorShapeProtoSchema, { dim }) });
      return create(ValueInfoProtoSchema, {
        name,
        type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
      });
    });
  const graph = create(GraphProtoSchema, {
    name: 'fixture',
    node: nodes,
    initializer: initializers,
    input: values(inputs),
    output: values(outputs),
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 9n, opsetImport, graph }));
}
