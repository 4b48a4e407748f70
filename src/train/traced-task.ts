import { compile, type ShardAxis } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import { coordinate, type Gradients } from './coordinate.js';
import { OutputMeans } from './output-means.js';
import type { Task } from './task.js';
import { keepsParameters, type TracedStep } from './traced-step.js';

/**
 * A task whose step is one graph. On a device that keeps the parameters all of it runs there; elsewhere its gradients come
 * here, are averaged over the step's batches, and coordinated.
 *
 * @param shards how inputs and gradients, `PASS|NAME`, are split over ranks
 */
export async function tracedTask(
  task: Pick<Task, 'params' | 'lossScale' | 'imagesPerStep'>,
  given: TracedStep,
  shards: ShardAxis,
): Promise<Task & { dispose(): Promise<void> }> {
  const { params, lossScale } = task;
  const step: TracedStep = { ...given, feeds: async (n) => ({ ...(await given.feeds(n)), ...lossScale?.feeds }) };
  const { losses, gradients, limited, accumulate, bounds, options } = step;
  if (keepsParameters(options)) {
    return {
      ...task,
      traced: step,
      // The arrays here are not what is trained.
      async step() {
        throw new Error('this task keeps its parameters on the device: it is run by train');
      },
      async dispose() {},
    };
  }
  const outputs = {
    ...ofPass('loss', losses),
    ...ofPass('free', gradients),
    ...ofPass('limited', limited?.gradients ?? {}),
  };
  const fixed = Object.fromEntries(Object.entries(step.frozen).filter(([name]) => !(name in params)));
  const program = await compile({ outputs, shards }, { ...options, fixed });
  const means = new OutputMeans(accumulate);
  const together: Gradients = Object.fromEntries(
    Object.keys(limited ? params : {}).map((name) => [name, new Float32Array(params[name]!.data.length)]),
  );
  return {
    ...task,
    async step(n) {
      const results = await means.of(async (i) =>
        program.run({ ...params, ...(await step.feeds(n * accumulate + i)) }),
      );
      const parts: Record<'loss' | 'free' | 'limited', Gradients> = { loss: {}, free: {}, limited: {} };
      for (const [key, { data }] of Object.entries(results)) {
        const [pass, name] = key.split('|') as [keyof typeof parts, string];
        parts[pass][name] = data as Float32Array;
      }
      if (limited) coordinate(parts.limited, parts.free, limited.clip ?? Number.POSITIVE_INFINITY, together);
      return {
        losses: Object.fromEntries(Object.entries(parts.loss).map(([name, [value]]) => [name, value!])),
        gradients: limited ? together : parts.free,
      };
    },
    constrain() {
      for (const [name, bound] of Object.entries(bounds)) {
        const data = params[name]?.data;
        for (let i = 0; data && i < data.length; i++) data[i] = Math.min(data[i]!, bound);
      }
    },
    dispose: () => program.dispose(),
  };
}

function ofPass(pass: string, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${pass}|${name}`, tensor]));
}
