// Who may import whom (`npm run check`); docs/architecture.md explains the same picture.

/** The rooms of src/, from the ground up: a room imports only rooms that stand before it. */
const rooms = [
  'math',
  'tensor',
  'files',
  'group',
  'jobs',
  'sweep',
  'runtime',
  'nn',
  'weight-formats',
  'english',
  'clip',
  'data',
  'augment',
  'loader',
  'prompt',
  'model',
  'bank',
  'train',
  'evaluate',
  'embed',
  'diloco',
  'prompt-search',
  'distill',
  'pretrain',
  'tune-prompts',
  'cvpr2024',
  'continual',
  'report',
  'runs',
  'compress',
  'serve',
  'tasks',
  'web',
  'everyday',
  'demo',
  'library',
  'cli',
];

/** What no room may import although it stands above: the reason is the comment. */
const apart = [
  ['train', ['clip', 'data', 'augment', 'loader', 'prompt', 'model', 'bank'], 'The training engine knows arrays and graphs, no CLIP and no data.'],
  ['serve', ['train', 'distill', 'pretrain', 'tune-prompts', 'cvpr2024', 'continual'], 'A server carries no training.'],
  ['web', ['train', 'distill', 'pretrain', 'tune-prompts', 'cvpr2024', 'continual', 'serve'], 'A page carries no training and no server.'],
  ['embed', ['train'], 'Embedding needs no training.'],
  ['evaluate', ['train'], 'Measuring needs no training.'],
];

const tests = '\\.(test|fixture)\\.(ts|mjs)$|^src/test/';

/** Files that other rooms import past the index.ts of their room, and why. */
const sideDoors = [
  // What of a room runs in a browser.
  '^src/(clip|prompt)/browser\\.ts$',
  '^src/tasks/[^/]+/browser\\.ts$',
  // What the help names, and an error of the command line: an index would load ONNX Runtime and half of the rest before the help is printed.
  '^src/(tensor/precision|files/(faults|package-version)|runtime/(device|huge-pages)|clip/checkpoint/onnx-dtypes|data/(spec|splits/deal-splits)|distill/teachers/fusion-rules|serve/server/options|serve/cascade/confidence|evaluate/bench-modes)\\.ts$',
  // It brings a YAML parser along, which nobody but a command needs.
  '^src/files/recipe-file\\.ts$',
];
/** Threads of the image loader: each loads what it needs to decode and augment, and no more. */
const loaderThread = '^src/loader/(job|view)\\.ts$';
/** The page and its worker are bundled for browsers: index files would bring Node's modules along. */
const browser = '^src/web/(page|worker)/';

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...rooms.map((room, i) => ({
      name: `layers: ${room}`,
      comment: 'Imports go down the layers, never up.',
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: tests },
      to: { path: `^src/((${[...rooms.slice(i + 1), 'test'].join('|')})/|index\\.ts)` },
    })),
    ...apart.map(([room, others, comment]) => ({
      name: `apart: ${room}`,
      comment,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: tests },
      to: { path: `^src/(${others.join('|')})/` },
    })),
    {
      name: 'apart: serving a task',
      comment: 'A server carries no training, also where it answers for a task.',
      severity: 'error',
      from: { path: '^src/tasks/[^/]+/serve', pathNot: tests },
      to: { path: '^src/(train|distill|pretrain|tune-prompts|cvpr2024|continual)/' },
    },
    {
      name: 'through-the-door',
      comment: 'Another room is entered through its index.ts.',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: [tests, browser, loaderThread] },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$', ...sideDoors] },
    },
    {
      name: 'rooms-are-listed',
      comment: 'A new room gets its place in the list above.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: [`^src/(${rooms.join('|')}|test)/`] },
      to: {},
    },
    {
      name: 'no-orphans',
      comment: 'What nobody imports is deleted.',
      severity: 'error',
      from: { orphan: true, pathNot: [tests, '\\.d\\.ts$'] },
      to: {},
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    includeOnly: '^src',
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types'] },
  },
};
