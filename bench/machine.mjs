// What every benchmark says about the machine that it ran on.
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');

export const machine = {
  cpu: cpus()[0].model.trim(),
  cores: availableParallelism(),
  memory_gb: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
  onnxruntime: version,
  platform: `${process.platform}-${process.arch}`,
};

/** The same as a sentence. */
export const machineLine =
  `Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gb} GB; ` +
  `Node ${machine.node}, onnxruntime-node ${machine.onnxruntime}.`;
