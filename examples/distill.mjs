// Distils a teacher into a small student: the one that comes with the package, on the built-in drawings, or your own.
// node examples/distill.mjs [data] [teacher] [steps] [folder of the run]
import { distill, evaluateModel, loadModel, openDataset } from 'promptkd';

const [data = 'emoji', teacher = 'promptkd:emoji-teacher', steps = '600', runDir = 'runs/example'] = process.argv.slice(2);
const dataset = await openDataset(data);

const { folder, parameters } = await distill({
  teacher,
  dataset,
  runDir,
  // What the recipe leaves out follows from the teacher and the data.
  recipe: {
    batch: 32,
    views: 1,
    student: { init: 'random' },
    phases: { warmup: { steps: 0 }, prompt: { steps: Math.ceil(Number(steps) / 6) }, joint: { steps: Number(steps), lr: 5e-4 } },
    evaluation: { every: 0 },
  },
  onProgress: ({ phase, step, steps }) => {
    if (step % 100 === 0) console.log(`${phase} ${step}/${steps}`);
  },
});

const { zeroShot } = await evaluateModel(await loadModel(folder), dataset, { latencyRuns: 0 });
if (zeroShot) console.log(`${parameters} parameters, top-1 ${(100 * zeroShot.top1.value).toFixed(1)} %`);
