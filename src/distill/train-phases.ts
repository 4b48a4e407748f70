import { join } from 'node:path';
import { hash } from '../files/index.js';
import {
  adamw,
  decaysByDefault,
  engineOptions,
  type Run,
  roundsOf,
  type StepEvent,
  takeValues,
  train,
  Validation,
  warmupCosine,
} from '../train/index.js';
import type { Batches } from './batches/batches.js';
import { type Making, saveStudent, studentOf, withTrained } from './made-student.js';
import { phaseTask } from './phase-task.js';
import { type Phase, stepsOf } from './phases.js';
import type { DistillOptions } from './prepare.js';
import { stepCost } from './step-cost.js';
import type { StudentProbe } from './student-probe.js';

/** Where the student stands as it was at its best. */
export const bestFolder = ({ runDir }: DistillOptions) => join(runDir, 'best');

/**
 * Trains phase after phase, the student looked at where the recipe wants it.
 *
 * @param teachers fingerprint of all that teach
 * @returns how far it came: steps and seconds of all phases
 */
export async function trainPhases(
  options: DistillOptions,
  making: Making,
  teachers: string,
  phases: readonly Phase[],
  batches: Batches,
  run: Run,
  probe: StudentProbe | undefined,
): Promise<{ finished: boolean; step: number; seconds: number }> {
  const { full } = making;
  const { recipe, runDir, signal } = options;
  // How often the student is looked at decides none of its bits.
  const { evaluation, ...decisive } = recipe;
  const overallSteps = stepsOf(phases);
  const texts = { count: batches.textCount, length: batches.bank.length };
  const costs = phases.map((phase) => stepCost(full, phase, texts));
  const work = phases.map(({ steps }, i) => steps * costs[i]!);
  const workOf = (parts: readonly number[]) => parts.reduce((sum, part) => sum + part, 0);
  const identity = {
    recipe: decisive,
    data: options.dataset.fingerprint,
    teacher: teachers,
    given: hash(JSON.stringify(full.config)),
  };
  const engine = engineOptions(recipe, options.engine);
  const position = { finished: true, step: 0, seconds: 0 };
  for (const [i, phase] of phases.entries()) {
    const place = { before: workOf(work.slice(0, i)), step: costs[i]!, total: workOf(work) };
    await options.onProgress?.({ phase: `preparing ${phase.name}`, step: 0, steps: 0 });
    const task = phaseTask(full, batches, phase, engine.compile);
    const isLast = phase === phases.at(-1);
    const validation = new Validation(run.history, phase.name, isLast ? evaluation.patience : undefined);
    const look = async ({ step, seconds, averaged }: StepEvent) => {
      const student = await studentOf(making, withTrained(full, await averaged()), phase.prompted);
      const seen = await probe!.measure(student);
      const overall = phase.firstStep + step;
      if (validation.note(seen, overall) && isLast) {
        await saveStudent(bestFolder(options), student, { step: overall, seconds: position.seconds + seconds }, recipe);
      }
      return seen;
    };
    const trained = await train(task, {
      ...engine,
      steps: phase.steps,
      optimizer: adamw(task.params, {
        beta1: recipe.optimizer.beta1,
        beta2: recipe.optimizer.beta2,
        weightDecay: recipe.optimizer.weight_decay,
        // M and W measure distances; pulling them to zero would only lower what is measured.
        decays: (name, shape) => !name.startsWith('heads/') && decaysByDefault(name, shape),
      }),
      learningRate: warmupCosine({
        peak: phase.lr,
        steps: phase.steps,
        warmupSteps: Math.min(phase.warmupSteps, Math.floor(phase.steps / 5)),
      }),
      runDir: join(runDir, `phase-${phase.name}`),
      checkpointEvery: recipe.checkpoint_every,
      fingerprint: JSON.stringify({ ...identity, phase: phase.name }),
      rounds: roundsOf(options.rounds, phase.name),
      signal,
      ema: isLast ? engine.ema : undefined,
      lookEvery: probe && evaluation.every,
      endsAfter: (step) => validation.isExhausted(phase.firstStep + step),
      onStep: async (event) => {
        const seen = probe?.isDue(event.step, event.steps) ? await look(event) : undefined;
        await run.step({ phase: phase.name, firstStep: phase.firstStep, overallSteps, work: place }, event, seen);
      },
    });
    position.step = phase.firstStep + trained.step;
    position.seconds += trained.seconds;
    position.finished = trained.finished;
    if (trained.finished) takeValues(task.params, trained.averaged);
    if (!position.finished) break;
  }
  return position;
}
