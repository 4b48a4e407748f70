import { create } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import {
  type ExternalData,
  elementTypes,
  type HalfTensor,
  isHalf,
  LEAST_EXTERNAL,
  OnnxEmitter,
  type StoredTensor,
} from './onnx-emitter.js';
import { encodeModel, joinParts } from './onnx-encoding.js';
import { emitMembers, type Pack } from './packs.js';
import { MixedPrecision, type Precision } from './precision.js';
import { computed, type HostTensor, type Node, type Tensor } from './tensor.js';

/** Options of {@link toOnnx}. */
export interface OnnxOptions {
  /** What the model computes, by output name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Inputs written into the model as constants, by input name. */
  readonly initializers?: Readonly<Record<string, HostTensor | HalfTensor | StoredTensor>>;
  /** Whether the model refers to large {@link initializers} instead of holding a copy. @defaultValue false */
  readonly external?: boolean;
  readonly producer?: string;
  /** Whether ops of ONNX Runtime's CPU and CUDA alone may stand in the model. @defaultValue false: it runs anywhere. */
  readonly fused?: boolean;
  /** @defaultValue fp32 */
  readonly precision?: Precision;
  /** Values that are fed instead of computed, with the names of their inputs. */
  readonly given?: ReadonlyMap<Tensor, string>;
  /** Inputs that are read out of one that is fed in their place. */
  readonly packs?: readonly Pack[];
}

/** An ONNX model, encoded. */
export interface OnnxModel {
  /** The file in pieces; those of weights are the arrays that were given, not copies. */
  readonly parts: readonly Uint8Array[];
  /** The file in one array, copied together at each call. */
  readonly bytes: Uint8Array;
  /** The graph inputs the outputs depend on, in the order first met. */
  readonly inputs: readonly Tensor[];
  /** The {@link OnnxOptions.given} values it depends on. */
  readonly given: EmittedGraph['given'];
  /** What it refers to. */
  readonly external: readonly ExternalData[];
}

const OPSET = 20;

/**
 * The graph that computes `outputs`, as an ONNX model. Walks back from the outputs: nothing unused is written.
 *
 * @throws Error for two inputs of one name
 */
export function toOnnx(options: OnnxOptions): OnnxModel {
  const { emitter, fed, given, plain } = emitGraph(options);
  const output = Object.entries(options.outputs).map(([name, tensor]) => {
    emitter.node('Identity', [plain(tensor)], [name]);
    return valueInfo(name, tensor);
  });
  const input = [...fed.map((t) => valueInfo(t.name!, t)), ...given.map(({ name, tensor }) => valueInfo(name, tensor))];
  const { nodes, initializers } = emitter;
  const parts = encodeModel(modelOf({ nodes, initializers, input, output }, emitter.usesContrib, options.producer));
  return {
    parts,
    get bytes() {
      return joinParts(parts);
    },
    inputs: fed,
    given,
    external: emitter.external,
  };
}

/** @internal The nodes and initializers of a graph, before inputs and outputs are declared. */
export interface EmittedGraph {
  readonly emitter: OnnxEmitter;
  /** Inputs that are neither initializers nor given, in the order first met. */
  readonly fed: readonly Tensor[];
  readonly given: readonly { readonly name: string; readonly tensor: Tensor }[];
  /** The name of a value in fp32. */
  plain(tensor: Tensor): string;
}

/** @internal @param rename how a fed input is called inside the graph, where not by its own name */
export function emitGraph(options: OnnxOptions, rename = (name: string): string => name): EmittedGraph {
  const handedOver = new Map([...(options.given ?? [])].map(([tensor, name]) => [computed(tensor), name]));
  const { inputs, nodes } = collect(Object.values(options.outputs), handedOver);
  const emitter = new OnnxEmitter(options.fused);
  const names = new Map<Tensor, string>();
  const fed: Tensor[] = [];
  const given: { name: string; tensor: Tensor }[] = [];
  const seen = new Set<string>();
  const inPack = new Set(options.packs?.flatMap(({ members }) => members.map(({ name }) => name)));
  for (const tensor of inputs) {
    const handed = handedOver.get(tensor);
    const name = handed ?? tensor.name!;
    if (seen.has(name)) throw new Error(`toOnnx: two inputs are called ${name}; input names must be unique`);
    seen.add(name);
    names.set(tensor, name);
    if (inPack.has(name)) {
      names.set(tensor, rename(name));
      continue;
    }
    const baked = options.initializers?.[name];
    if (baked && 'decode' in baked) emitter.store(name, baked);
    else if (baked && options.external && !isHalf(baked) && baked.data.byteLength >= LEAST_EXTERNAL) {
      emitter.refer(baked, name);
    } else if (baked) emitter.initializer(baked, name);
    else if (handed === undefined) {
      fed.push(tensor);
      names.set(tensor, rename(name));
    } else given.push({ name, tensor });
  }
  for (const one of options.packs ?? []) {
    const read = one.members.map(({ name }) => (seen.has(name!) ? rename(name!) : undefined));
    if (read.every((name) => name === undefined)) continue;
    if (!seen.has(one.whole.name!)) fed.push(one.whole);
    emitMembers(emitter, one, rename(one.whole.name!), read);
  }
  const nameOf = (handed: Tensor): string => {
    const tensor = computed(handed);
    let name = names.get(tensor);
    if (name) return name;
    if (tensor.value) name = scalarName(emitter, tensor.value) ?? emitter.initializer(tensor.value);
    else name = emitter.name();
    names.set(tensor, name);
    return name;
  };
  const mixed = options.precision === 'mixed' ? new MixedPrecision(emitter) : undefined;
  for (const node of nodes) {
    const half = mixed?.takes(node) ?? false;
    const names = node.inputs.map((tensor, i) => {
      if (i === node.op.weight && !mixed) return nameOf(tensor);
      const name = emitter.plain(nameOf(tensor));
      return mixed ? mixed.cast(tensor, name, half) : name;
    });
    node.op.emit(emitter, node, names, node.outputs.map(nameOf));
  }
  const plain = (tensor: Tensor) => {
    const name = emitter.plain(nameOf(tensor));
    return mixed ? mixed.cast(tensor, name, false) : name;
  };
  return { emitter, fed, given, plain };
}

/** @internal A model of one graph. */
export function modelOf(
  graph: {
    readonly nodes: NodeProto[];
    readonly initializers: TensorProto[];
    readonly input: ValueInfoProto[];
    readonly output: ValueInfoProto[];
  },
  contrib: boolean,
  producer = 'promptkd',
): ModelProto {
  const { nodes: node, initializers: initializer, input, output } = graph;
  return create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: producer,
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(OPSET) }),
      ...(contrib ? [create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n })] : []),
    ],
    graph: create(GraphProtoSchema, { name: 'promptkd', node, initializer, input, output }),
  });
}

function scalarName(emitter: OnnxEmitter, value: HostTensor): string | undefined {
  return value.shape.length === 0 && value.data instanceof Float32Array ? emitter.float(value.data[0]!) : undefined;
}

/** @internal Everything `outputs` depend on: inputs (and what is given), and nodes in the order of creation. */
export function collect(
  outputs: readonly Tensor[],
  given?: ReadonlyMap<Tensor, string>,
): { inputs: Tensor[]; nodes: Node[] } {
  const inputs = new Set<Tensor>();
  const nodes = new Set<Node>();
  const stack = [...outputs];
  while (stack.length > 0) {
    const tensor = computed(stack.pop()!);
    const node = tensor.node;
    if (given?.has(tensor)) inputs.add(tensor);
    else if (!node) {
      if (tensor.name !== undefined) inputs.add(tensor);
    } else if (!nodes.has(node)) {
      nodes.add(node);
      stack.push(...node.inputs);
    }
  }
  return {
    inputs: [...inputs].sort((a, b) => a.id - b.id),
    nodes: [...nodes].sort((a, b) => a.id - b.id),
  };
}

/** @internal The declaration of a graph's input or output. */
export function valueInfo(name: string, tensor: Tensor): ValueInfoProto {
  const dim = tensor.shape.map((d) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof d === 'number' ? { case: 'dimValue', value: BigInt(d) } : { case: 'dimParam', value: d },
    }),
  );
  const value = create(TypeProto_TensorSchema, {
    elemType: elementTypes[tensor.dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }),
  });
}
