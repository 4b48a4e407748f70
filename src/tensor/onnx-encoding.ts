import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { GraphProtoSchema, type ModelProto, ModelProtoSchema, type TensorProto, TensorProtoSchema } from 'onnx-buf';

/** Fields by their numbers in onnx.proto. */
const GRAPH = 7; // of ModelProto
const INITIALIZER = 5; // of GraphProto
const RAW_DATA = 9; // of TensorProto

/**
 * A model as protobuf writes it, in pieces one behind the other. Weights are not copied: their pieces are views of the
 * arrays they lie in, so that a model of any size takes no memory beside them.
 */
export function encodeModel(model: ModelProto): Uint8Array[] {
  const { initializer, ...graph } = model.graph!;
  const weights = initializer.flatMap(encodeTensor);
  const rest = toBinary(GraphProtoSchema, create(GraphProtoSchema, { ...graph, initializer: [] }));
  const shell = toBinary(ModelProtoSchema, create(ModelProtoSchema, { ...model, graph: undefined }));
  return [shell, opening(GRAPH, byteLength([rest, ...weights])), rest, ...weights];
}

/** An initializer as a field of its graph. */
function encodeTensor(tensor: TensorProto): Uint8Array[] {
  const { name, dims, dataType, rawData, int64Data, dataLocation, externalData } = tensor;
  const about = { name, dims, dataType, int64Data, dataLocation, externalData };
  const head = toBinary(TensorProtoSchema, create(TensorProtoSchema, about));
  const parts =
    int64Data.length + externalData.length > 0 ? [head] : [head, opening(RAW_DATA, rawData.length), rawData];
  return [opening(INITIALIZER, byteLength(parts)), ...parts];
}

/** What stands before a field of so many bytes. */
const opening = (field: number, bytes: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(bytes).finish();

const byteLength = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** The pieces in one array. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(byteLength(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
