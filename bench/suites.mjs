// All benchmarks by name: script and arguments, what it measures, and roughly how many minutes it takes on two cores, peers
// not counted.

export const suites = {
  step: { script: 'step.mjs', minutes: 2, about: 'One training step of a stack of ViT-B/16 blocks' },
  peers: {
    ...{ script: 'js-peers.mjs', minutes: 2 },
    about: 'A matrix product and a step of one ViT-B/16 block beside TensorFlow.js and jax-js',
  },
  profile: {
    ...{ script: 'profile.mjs', minutes: 2 },
    about: 'Where the time of a training step goes, by kernel, and what ONNX Runtime fused',
  },
  distill: {
    script: 'distill.mjs',
    minutes: 2,
    about: 'Whole distillation steps of the drawings’ teacher and student',
  },
  stored: {
    ...{ script: 'stored-targets.mjs', minutes: 5 },
    about: 'A CVPR 2024 step, ViT-L/14 → ViT-B/16: stored targets against a live teacher, and when storing pays',
  },
  'cvpr2024-updates': {
    ...{ script: 'cvpr2024-updates.mjs', minutes: 1 },
    about: 'Twenty updates of the CVPR 2024 recipe beside PyTorch: the same parameters',
  },
  extract: { script: 'extract.mjs', minutes: 2, about: 'Image features of a ViT-B/16 teacher' },
  extraction: {
    ...{ script: 'extraction.mjs', minutes: 5 },
    about: 'A ViT-B/16 teacher’s targets from JPEGs to shards, against its program alone',
  },
  targets: {
    ...{ script: 'targets.mjs', minutes: 15 },
    about: 'The six figures that promptkd is to reach, in rounds in turn',
  },
  memory: {
    ...{ script: 'memory.mjs', minutes: 4 },
    about: 'Memory and time of a ViT-B/16 training step, with recomputation and without',
  },
  'memory-distill': {
    ...{ script: 'memory-distill.mjs', minutes: 8 },
    about: 'Memory and time of a distillation step, ViT-L/14 → ViT-B/16, with recomputation and without',
  },
  vqa: {
    ...{ script: 'vqa.mjs', minutes: 60 },
    about: 'Questions about emoji-vqa by skill: heads distilled, plain, blind and the teacher’s, over three seeds',
  },
  teachers: {
    ...{ script: 'teachers.mjs', minutes: 60 },
    about: 'Students of two teachers by several rules, against students of either one, over three seeds',
  },
  continual: {
    ...{ script: 'continual.mjs', minutes: 600 },
    about: 'Task after task: what each method keeps, over three seeds and two orders',
  },
  optimizer: { script: 'optimizer.mjs', minutes: 1, about: 'Updates of 87 million parameters against memory speed' },
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
  loader: { script: 'loader.mjs', minutes: 15, about: 'Decoding and augmenting, alone and beside a training step' },
  quantize: {
    ...{ script: 'quantize.mjs', args: ['accuracy'], minutes: 15 },
    about: 'The shipped student in few bits: accuracy and bytes by way of rounding',
  },
  'quantize-latency': {
    ...{ script: 'quantize.mjs', args: ['latency'], minutes: 2 },
    about: 'A ViT-B/16 image encoder in few bits: milliseconds and bytes',
  },
  'quantize-large': {
    ...{ script: 'quantize.mjs', args: ['large'], minutes: 26 },
    about: 'A model of ViT-B/16’s shape quantised: time and memory',
  },
  cascade: {
    ...{ script: 'cascade.mjs', minutes: 2 },
    about: 'The shipped student before its teacher: accuracy and time against the teacher alone',
  },
  serve: { script: 'serve.mjs', minutes: 1, about: 'The server under load, with batching and one by one' },
  web: { script: 'web.mjs', minutes: 1, about: 'The shipped student in a browser’s page' },
  cvpr2024: {
    ...{ script: 'cvpr2024.mjs', minutes: 15 },
    about: 'The CVPR 2024 recipe on the built-in pairs of attribute and object, over five seeds',
  },
  'cvpr2024-whole': {
    ...{ script: 'cvpr2024-whole.mjs', minutes: 10 },
    about: 'Two of its seeds distilled in PyTorch, too: base, novel and H of both sides',
  },
  claims: {
    ...{ script: 'claims.mjs', minutes: 600 },
    about: 'The method’s claims over three seeds: equal start, little data, long tails, parts, quantisation',
  },
  'half-time': {
    ...{ script: 'half-time.mjs', minutes: 20 },
    about: 'The drawings’ distillation on a part of the patches, or on smaller images, until its last phase',
  },
  'half-time-large': {
    ...{ script: 'half-time-large.mjs', minutes: 10 },
    about: 'A ViT-L/14 → ViT-B/16 step on a part of the patches, beside PyTorch: seconds and memory',
  },
  'ddp-distill': {
    ...{ script: 'ddp-distill.mjs', minutes: 6 },
    about: 'The drawings’ distillation by two processes, beside PyTorch over gloo',
  },
  journey: {
    ...{ script: 'journey.mjs', minutes: 20 },
    about: 'The guide’s way from a folder of photos to a page, each command timed',
  },
  defaults: {
    ...{ script: 'defaults-table.mjs', minutes: 240 },
    about: 'What distill does without a recipe, on five pairs of data and teacher, beside a tuned recipe',
  },
  'medical-report': {
    ...{ script: 'medical-report.mjs', minutes: 60 },
    about: 'Drafts on phantoms by teacher and student over three seeds; --teacher and --student name their runs',
  },
  ablations: { script: 'ablations.mjs', minutes: 30, about: 'The drawings’ distillation with one part off at a time' },
  augment: { script: 'augment.mjs', minutes: 10, about: 'Short distillations with and without augmentation' },
  'search-prompts': { script: 'search-prompts.mjs', minutes: 20, about: 'Prompts found and learned automatically' },
};

const shortMinutes = 5;

/** Those that take no more than five minutes. */
export const shortSuites = Object.keys(suites).filter((name) => suites[name].minutes <= shortMinutes);

/** All suites, a line each. */
export function listOfSuites() {
  const width = Math.max(...Object.keys(suites).map((name) => name.length));
  const line = ([name, { minutes, about }]) => `  ${name.padEnd(width)}  ${`${minutes}`.padStart(3)} min  ${about}`;
  const part = (isShort) => Object.entries(suites).filter(([name]) => shortSuites.includes(name) === isShort);
  return [
    'short, run where nothing is named:',
    ...part(true).map(line),
    'long, with --all or --only:',
    ...part(false).map(line),
  ].join('\n');
}
