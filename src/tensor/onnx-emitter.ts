import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from 'onnx-buf';
import { bytesOf, dtypeOf } from './dtype.js';
import type { DType, HostTensor } from './tensor.js';

/** A float attribute: a plain number attribute is an integer in ONNX. */
export class FloatAttribute {
  constructor(readonly value: number) {}
}

export type Attribute = number | readonly number[] | string | FloatAttribute;

/** @internal */
export const elementTypes: Record<DType, TensorProto_DataType> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
};

/** Collects ONNX nodes and initializers while a graph is walked. */
export class OnnxEmitter {
  /** @param fused whether ONNX Runtime's own ops may be written beside the standard ones, as far as its CPU and CUDA have them */
  constructor(readonly fused = false) {}

  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly external: ExternalData[] = [];
  private readonly shared = new Map<string, string>();
  private readonly stored = new Map<string, { tensor: StoredTensor; decoded?: boolean }>();
  private count = 0;

  /** Whether ops of ONNX Runtime's own stand among the nodes. */
  get usesContrib(): boolean {
    return this.nodes.some(({ domain }) => domain !== '');
  }

  /** A fresh value name. */
  name(): string {
    return `t${this.count++}`;
  }

  elementType(dtype: DType): number {
    return elementTypes[dtype];
  }

  readonly halfType: number = TensorProto_DataType.FLOAT16;

  asFloat(value: number): FloatAttribute {
    return new FloatAttribute(value);
  }

  node(
    opType: string,
    inputs: string[],
    outputs: string[],
    attributes: Record<string, Attribute> = {},
    domain: '' | 'com.microsoft' = '',
  ): void {
    const attribute = Object.entries(attributes).map(([name, value]) => {
      if (value instanceof FloatAttribute) {
        return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.value });
      }
      if (typeof value === 'number')
        return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
      if (typeof value === 'string') {
        return create(AttributeProtoSchema, {
          name,
          type: AttributeProto_AttributeType.STRING,
          s: new TextEncoder().encode(value),
        });
      }
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
    });
    this.nodes.push(
      create(NodeProtoSchema, {
        name: `${opType}_${this.nodes.length}`,
        opType,
        domain,
        input: inputs,
        output: outputs,
        attribute,
      }),
    );
  }

  /** A shared int64 initializer of one axis. */
  int64s(values: readonly number[]): string {
    return this.share(`i:${values.join(',')}`, (name) =>
      create(TensorProtoSchema, {
        name,
        dims: [BigInt(values.length)],
        dataType: TensorProto_DataType.INT64,
        int64Data: values.map(BigInt),
      }),
    );
  }

  /** A shared int64 scalar. */
  int64(value: number): string {
    return this.share(`s:${value}`, (name) =>
      create(TensorProtoSchema, { name, dataType: TensorProto_DataType.INT64, int64Data: [BigInt(value)] }),
    );
  }

  /** A shared float scalar. */
  float(value: number): string {
    return this.share(`f:${value}`, (name) => hostInitializer(name, { shape: [], data: Float32Array.of(value) }));
  }

  initializer(host: HostTensor | HalfTensor, name = this.name()): string {
    if (!isHalf(host)) this.initializers.push(hostInitializer(name, host));
    else {
      const stored = `${name}.half`;
      this.initializers.push(hostInitializer(stored, host));
      this.node('Cast', [stored], [name], { to: TensorProto_DataType.FLOAT });
    }
    return name;
  }

  /** An initializer whose values stand elsewhere. */
  refer({ shape, data }: HostTensor, name: string): void {
    const path = `w${this.external.length}`;
    const bytes = bytesOf(data);
    this.external.push({ path, data: bytes });
    const about = { location: path, offset: '0', length: String(bytes.length) };
    this.initializers.push(
      create(TensorProtoSchema, {
        name,
        dims: shape.map(BigInt),
        dataType: elementTypes[dtypeOf(data)],
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries(about).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
      }),
    );
  }

  /** An initializer of any ONNX type, its values as they stand in a file. */
  raw(
    dataType: TensorProto_DataType,
    shape: readonly number[],
    rawData: Uint8Array<ArrayBuffer>,
    name = this.name(),
  ): string {
    this.initializers.push(create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType, rawData }));
    return name;
  }

  /** Takes a tensor in another form than plain numbers; nothing is written before it is used. */
  store(name: string, tensor: StoredTensor): void {
    this.stored.set(name, { tensor });
  }

  /** The value as plain numbers: of a stored tensor, what decodes it is written at its first use. */
  plain(name: string): string {
    const known = this.stored.get(name);
    if (known && !known.decoded) {
      known.decoded = true;
      known.tensor.decode(this, name);
    }
    return name;
  }

  /** Writes y = x Wᵀ by the stored form's own op; false where W is not stored in a form that has one. */
  product(x: string, weight: string, y: string): boolean {
    const product = this.stored.get(weight)?.tensor.product;
    product?.(this, x, weight, y);
    return product !== undefined;
  }

  /** What is written once for a key: `make` writes it and returns its name. */
  once(key: string, make: () => string): string {
    const name = this.shared.get(key) ?? make();
    this.shared.set(key, name);
    return name;
  }

  private share(key: string, make: (name: string) => TensorProto): string {
    return this.once(key, () => {
      const name = this.name();
      this.initializers.push(make(name));
      return name;
    });
  }
}

/** An array of binary16 numbers: in a model stored as such and read as float32, or fed to an input of type float16. */
export interface HalfTensor {
  readonly shape: readonly number[];
  readonly data: Uint16Array;
}

/** An initializer's values, beside the model that refers to them. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

/** Fewer bytes than these are written into the model, where ONNX Runtime reads shapes and scalars while it optimises. */
export const LEAST_EXTERNAL = 4096;

/** A matrix in a form of its own, as quantised weights are: how a graph reads its values, or multiplies by it. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** Writes what decodes it to float32 under `name`; names that begin with `name` and a dot are its own. */
  decode(emitter: OnnxEmitter, name: string): void;
  /** Writes y = x Wᵀ, x [..., I], W [O, I], where an op reads the stored form itself; `name` as above. */
  readonly product?: (emitter: OnnxEmitter, x: string, name: string, y: string) => void;
}

export const isHalf = (tensor: HostTensor | HalfTensor): tensor is HalfTensor => tensor.data instanceof Uint16Array;

function hostInitializer(name: string, { shape, data }: HostTensor | HalfTensor): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: elementTypes[dtypeOf(data)],
    rawData: bytesOf(data),
  });
}
