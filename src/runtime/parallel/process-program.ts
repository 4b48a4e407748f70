import type { Group } from '../../group/index.js';
import type { HostTensor, Stage } from '../../tensor/index.js';
import type { Device } from '../device.js';
import type { Feed } from '../ort-tensor.js';
import type { ProgramInput, Runnable, TracedProgram } from '../program.js';

/**
 * One process's part of a graph with sums over processes: a session a stage, run in turn, with the sums made in between. What
 * the backward pass needs of the forward pass leaves its stage; it lies in arrays that every run reuses.
 *
 * All processes of the group run it at the same time, with graphs that differ in how many images are their own.
 */
export class ProcessProgram implements Runnable {
  private constructor(
    private readonly stages: readonly { readonly program: Runnable; readonly sums: Stage['sums'] }[],
    readonly inputs: readonly ProgramInput[],
    private readonly results: Readonly<Record<string, string>>,
    private readonly into: Readonly<Record<string, Float32Array>>,
    private readonly group: Group,
    readonly device: Device,
  ) {}

  /**
   * @param results under which name each output is found in the end
   * @param open compiles a stage
   */
  static async create(
    stages: readonly Stage[],
    results: Readonly<Record<string, string>>,
    { into = {} }: TracedProgram,
    group: Group,
    open: (stage: TracedProgram) => Promise<Runnable>,
  ): Promise<ProcessProgram> {
    const places: Record<string, Float32Array> = {};
    for (const [output, name] of Object.entries(results)) if (into[output]) places[name] ??= into[output];
    const made: { program: Runnable; sums: Stage['sums'] }[] = [];
    try {
      for (const { outputs, given, sums } of stages) {
        const own = Object.fromEntries(
          Object.keys(outputs).flatMap((name) => (places[name] ? [[name, places[name]]] : [])),
        );
        made.push({ program: await open({ outputs, given, into: own }), sums });
      }
    } catch (error) {
      await Promise.all(made.map(({ program }) => program.dispose()));
      throw error;
    }
    const inner = new Set(
      stages.flatMap(({ outputs, sums }) => [...Object.keys(outputs), ...sums.map(({ to }) => to)]),
    );
    const inputs = new Map<string, ProgramInput>();
    for (const { program } of made)
      for (const input of program.inputs) if (!inner.has(input.name)) inputs.set(input.name, input);
    return new ProcessProgram(made, [...inputs.values()], results, into, group, made[0]!.program.device);
  }

  async run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, HostTensor>> {
    const known: Record<string, Feed> = { ...feeds };
    for (const { program, sums } of this.stages) {
      Object.assign(known, await program.run(known));
      for (const { from, to } of sums) {
        // The part came out into an array of its own.
        this.group.allReduce(known[from]!.data as Float32Array);
        known[to] = known[from]!;
      }
    }
    return Object.fromEntries(
      Object.entries(this.results).map(([output, name]) => {
        const made = known[name] as HostTensor;
        const place = this.into[output];
        if (!place || made.data === place) return [output, made];
        place.set(made.data);
        return [output, { shape: made.shape, data: place }];
      }),
    );
  }

  async dispose(): Promise<void> {
    await Promise.all(this.stages.map(({ program }) => program.dispose()));
  }
}
