// Whole distillation steps of the drawings' teacher and student: the joint phase of recipes/distill-emoji.yaml with stored targets, the loop
// and the optimizer with it, here and in PyTorch. Both start from the same weights and see the same batches; the total loss
// of the first step must agree. PyTorch's batches stand ready in memory, ours are read from the store at each step.
//
// Two comparisons: the step alone, PyTorch with stored targets, too; and the whole work, where PyTorch runs the teacher's
// image tower at every step, as the public code does, and ours bears its share of the extraction that the recipe asks for.
//
//   npm run build && PROMPTKD_TORCH=path/to/python node bench/distill.mjs [--rounds 5] [--steps 10] [--json]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDrawingsStep, peerJob, shippedRecipe } from './drawings-step.mjs';
import { readOptions } from './options.mjs';
import { alternate, mustAgree, startPeer } from './peers.mjs';

const values = readOptions({ rounds: '5', steps: '10' });
const steps = Number(values.steps);
const lr = 1e-4;
const folder = mkdtempSync(join(tmpdir(), 'promptkd-distill-'));
try {
  const opened = await openDrawingsStep(folder, { lr });
  const { executor, batches, phases, recipe, dataset, extractMs } = opened;
  let lossOfFirst;
  const ours = async (count) => {
    const start = performance.now();
    const [first] = await executor.run(0, count);
    lossOfFirst ??= first.losses.total;
    return (performance.now() - start) / count;
  };

  const { tensors, settings } = peerJob(opened, { steps, lr });
  const peer = await startPeer('distill_step.py', tensors, settings);
  await ours(1);
  const sides = { promptkd: () => ours(steps) };
  if (peer) {
    mustAgree('the first step’s total loss', lossOfFirst, (await peer.run(1, 'live')).total);
    sides.torch = async () => (await peer.run(steps)).ms;
    sides.live = async () => (await peer.run(steps, 'live')).ms;
  }
  const ms = await alternate(sides, Number(values.rounds), { peer });
  peer?.close();
  await executor.dispose();
  batches.store.close();
  const shipped = await shippedRecipe();
  const drawings = dataset.splits[shipped.data.split].length;
  const stepsOfRun = phases.reduce((sum, { steps }) => sum + steps, 0);
  const share = (drawings * shipped.views * extractMs) / stepsOfRun;
  const { batch } = recipe;
  const result = {
    ...{ batch, promptkd_ms: ms.promptkd, extracted_images_s: 1e3 / extractMs },
    promptkd_whole_images_s: (batch * 1e3) / (ms.promptkd + share),
  };
  if (peer) {
    Object.assign(result, { torch_ms: ms.torch, ratio: ms.torch / ms.promptkd });
    result.torch_live_images_s = (batch * 1e3) / ms.live;
    result.whole_ratio = ms.live / (ms.promptkd + share);
  }
  console.log(values.json ? JSON.stringify(result) : result);
} finally {
  rmSync(folder, { recursive: true });
}
