import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema, type ValueInfoProto } from 'onnx-buf';
import { emitGraph, modelOf, type OnnxOptions, valueInfo } from './onnx.js';
import type { ExternalData } from './onnx-emitter.js';
import { encodeModel, joinParts } from './onnx-encoding.js';
import { emitMembers, emitPack, type Pack } from './packs.js';
import { input, Tensor } from './tensor.js';

export interface LoopedOptions extends Omit<OnnxOptions, 'outputs' | 'given'> {
  /** What each step reports, by output name. */
  readonly reports: Readonly<Record<string, Tensor>>;
  /**
   * The value after a step of what is carried from step to step, by the name of the input that holds it before. A pack is
   * carried as a whole; the model takes and gives its members.
   */
  readonly state: Readonly<Record<string, Tensor>>;
}

/** A model that runs its steps in a loop of its own. */
export interface LoopedModel {
  readonly bytes: Uint8Array;
  /** Inputs that are no state: they may differ from step to step, and the model takes them stacked, [steps, ...shape]. */
  readonly inputs: readonly Tensor[];
  /** The name of the input that says how many steps, an int64 scalar. */
  readonly count: string;
  /** What it refers to. */
  readonly external: readonly ExternalData[];
  /** How the value after the last step is called, of a state or of a pack's member. */
  after(name: string): string;
}

const COUNT = 'loop/count';
const inside = (name: string) => `loop/${name}`;
const after = (name: string) => `after/${name}`;

/**
 * Many steps as one model: ONNX's `Loop`, whose state stays where it is computed from step to step. For devices with memory
 * of their own, to and from which it would travel at every run otherwise.
 *
 * Outputs: each report stacked over the steps, and each state after the last.
 */
export function toOnnxLoop({ reports, state, ...options }: LoopedOptions): LoopedModel {
  const carried = Object.keys(state);
  const packs = new Map<string, Pack>(options.packs?.map((pack) => [pack.whole.name!, pack]));
  const graph = emitGraph({ ...options, outputs: { ...reports, ...state } }, inside);
  const { emitter, plain } = graph;
  const before = new Map(graph.fed.map((tensor) => [tensor.name!, tensor]));
  const unread = carried.find((name) => !before.has(name));
  if (unread !== undefined) throw new Error(`toOnnxLoop: no input of the graph is called ${unread}, a state`);
  const inputs = graph.fed.filter(({ name }) => !(name! in state));
  const outer = { ...state, ...reports };

  const step = 'loop/step';
  const going = { before: 'loop/going', after: 'loop/still-going' };
  const computing = emitter.nodes.length;
  for (const { name } of inputs) emitter.node('Gather', [name!, step], [inside(name!)], { axis: 0 });
  const reading = emitter.nodes.length;
  emitter.node('Identity', [going.before], [going.after]);
  const results = Object.entries(outer).map(([name, tensor]) => {
    emitter.node('Identity', [plain(tensor)], [inside(after(name))]);
    return valueInfo(inside(after(name)), tensor);
  });
  const contrib = emitter.usesContrib;
  const written = emitter.nodes.splice(0);
  const body = [...written.slice(computing, reading), ...written.slice(0, computing), ...written.slice(reading)];

  const scalar = (name: string, dtype: 'int64' | 'bool') => valueInfo(name, Tensor.make([], dtype));
  for (const pack of packs.values()) emitPack(emitter, pack, pack.whole.name!);
  emitter.node('Loop', [COUNT, '', ...carried], [...carried.map(after), ...Object.keys(reports)]);
  const loop = emitter.nodes.at(-1)!;
  for (const pack of packs.values()) {
    const names = pack.members.map(({ name }) => after(name!));
    emitMembers(emitter, pack, after(pack.whole.name!), names);
  }
  loop.attribute.push(
    create(AttributeProtoSchema, {
      name: 'body',
      type: AttributeProto_AttributeType.GRAPH,
      g: create(GraphProtoSchema, {
        name: 'step',
        node: body,
        input: [
          scalar(step, 'int64'),
          scalar(going.before, 'bool'),
          ...carried.map((name) => valueInfo(inside(name), before.get(name)!)),
        ],
        output: [scalar(going.after, 'bool'), ...results],
      }),
    }),
  );
  const stacked = ({ shape, dtype }: Tensor) => input('', ['steps', ...shape], dtype);
  // What is fed and given back for a state.
  const outside = carried.flatMap((name) => packs.get(name)?.members ?? [before.get(name)!]);
  const declared: ValueInfoProto[] = [
    scalar(COUNT, 'int64'),
    ...outside.map((tensor) => valueInfo(tensor.name!, tensor)),
    ...inputs.map((tensor) => valueInfo(tensor.name!, stacked(tensor))),
  ];
  const output = [
    ...outside.map((tensor) => valueInfo(after(tensor.name!), tensor)),
    ...Object.entries(reports).map(([name, tensor]) => valueInfo(name, stacked(tensor))),
  ];
  const { nodes, initializers } = emitter;
  const parts = encodeModel(modelOf({ nodes, initializers, input: declared, output }, contrib, options.producer));
  return {
    get bytes() {
      return joinParts(parts);
    },
    inputs,
    count: COUNT,
    external: emitter.external,
    after,
  };
}
