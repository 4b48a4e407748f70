import { parentPort, workerData } from 'node:worker_threads';
import type * as ort from 'onnxruntime-node';
import { type Feed, ortTensor } from '../ort-tensor.js';
import { createSession } from '../session.js';
import type { RankSetup, StagePlan } from './parallel-program.js';
import { ProcessSum } from './process-sum.js';
import { RankSum } from './rank-sum.js';

/** One rank of a `ParallelProgram`: its own sessions, one a stage, run in turn with the sums between them. */
const setup = workerData as RankSetup;
const overRanks = new RankSum(setup.shared, setup.rank, setup.ranks);
const overProcesses = new ProcessSum(setup.outer, setup.rank, setup.ranks, (asked) => parentPort!.postMessage(asked));
const sessions: ort.InferenceSession[] = [];
for (const { bytes } of setup.stages) sessions.push(await createSession(bytes, setup.device, setup));

parentPort!.on('message', async (feeds: Record<string, Feed> | 'close') => {
  if (feeds === 'close') {
    // A thread that is ended while ONNX Runtime is in it takes the process down.
    await Promise.all(sessions.map((session) => session.release()));
    parentPort!.close();
    return;
  }
  try {
    const known = new Map(Object.entries({ ...setup.fixed, ...feeds }));
    for (const [i, stage] of setup.stages.entries()) await runStage(sessions[i]!, stage, known);
    const results = Object.fromEntries(setup.results.map((name) => [name, known.get(name)!]));
    const buffers = new Set(Object.values(results).map(({ data }) => data.buffer as ArrayBuffer));
    parentPort!.postMessage({ results }, [...buffers]);
  } catch (error) {
    parentPort!.postMessage({ error: (error as Error).message });
  }
});
parentPort!.postMessage({ ready: true });

async function runStage(session: ort.InferenceSession, stage: StagePlan, known: Map<string, Feed>): Promise<void> {
  const made = await session.run(
    Object.fromEntries(session.inputNames.map((name) => [name, ortTensor(known.get(name)!)])),
  );
  for (const [name, { dims, data }] of Object.entries(made))
    known.set(name, { shape: dims, data: data as Float32Array });
  for (const { from, to, over } of stage.sums) {
    const { shape, data } = known.get(from)!;
    const sum = over === 'ranks' ? overRanks : overProcesses;
    known.set(to, { shape, data: sum.add(data as Float32Array) });
  }
  for (const name of stage.drop) known.delete(name);
}
