// All benchmarks by name: script and arguments, what it measures, and roughly how many minutes it takes on two cores, peers
// not counted.

export const suites = {
  step: { script: 'step.mjs', minutes: 2, about: 'One training step of a stack of ViT-B/16 blocks' },
  peers: {
    ...{ script: 'js-peers.mjs', minutes: 2 },
    about: 'A matrix product and a step of one ViT-B/16 block beside TensorFlow.js and jax-js',
  },
  distill: { script: 'distill.mjs', minutes: 2, about: 'Whole distillation steps of the demo’s pair' },
  stored: {
    ...{ script: 'stored-targets.mjs', minutes: 3 },
    about: 'A CVPR 2024 step, ViT-L/14 → ViT-B/16: stored targets against both teacher towers every step',
  },
  extract: { script: 'extract.mjs', minutes: 2, about: 'Image features of a ViT-B/16 teacher' },
  memory: {
    ...{ script: 'memory.mjs', minutes: 4 },
    about: 'Memory and time of a ViT-B/16 training step, with recomputation and without',
  },
  optimizer: { script: 'optimizer.mjs', minutes: 1, about: 'AdamW over 87 million parameters' },
  parallel: { script: 'parallel.mjs', minutes: 1, about: 'A training step split over workers, by width' },
  startup: { script: 'startup.mjs', minutes: 1, about: 'From the command to the first training step' },
  large: {
    ...{ script: 'large.mjs', minutes: 3 },
    about: 'A ViT-L/14 teacher: loading it, and training a ViT-B/16 student with it',
  },
  gpu: {
    ...{ script: 'gpu.mjs', minutes: 5, takes: ['device'] },
    about: 'A vision tower’s work on a GPU; --device says by what',
  },
  fold: { script: 'fold.mjs', minutes: 1, about: 'Prompts folded into constant keys and values' },
  export: {
    ...{ script: 'export.mjs', minutes: 2 },
    about: 'A model of ViT-B/16’s shape exported, each file compared with the engine',
  },
};

const shortMinutes = 5;

/** Those that take no more than five minutes. */
export const shortSuites = Object.keys(suites).filter((name) => suites[name].minutes <= shortMinutes);

/** All suites, a line each. */
export function listOfSuites() {
  const width = Math.max(...Object.keys(suites).map((name) => name.length));
  const line = ([name, { minutes, about }]) => `  ${name.padEnd(width)}  ${`${minutes}`.padStart(2)} min  ${about}`;
  const part = (isShort) => Object.entries(suites).filter(([name]) => shortSuites.includes(name) === isShort);
  return [
    'short, run where nothing is named:',
    ...part(true).map(line),
    'long, with --all or --only:',
    ...part(false).map(line),
  ].join('\n');
}
