import { join } from 'node:path';
import type { Checkpoint } from '../clip/index.js';
import { examplesOf, isLabelled } from '../data/index.js';
import { leads } from '../group/index.js';
import { modelWeights } from '../model/index.js';
import { areFar, countParameters, type SavedPrompts } from '../prompt/index.js';
import {
  bestOf,
  evaluationsOf,
  type HistoryEntry,
  inRun,
  type PlacedEvaluation,
  type Run,
  type RunResult,
} from '../train/index.js';
import type { FusionFigures } from './fusion/measure.js';
import { imagesOf, type MadeStudent, type Making, preprocessOf, saveStudent, studentOf } from './made-student.js';
import type { Phase } from './phases.js';
import { type DistillOptions, prepare, withTemplates } from './prepare.js';
import { StudentProbe } from './student-probe.js';
import { saveAdaptors } from './teachers/adaptors.js';
import { bestFolder, trainPhases } from './train-phases.js';

/** Its folder is that of the student. */
export interface DistillResult extends RunResult {
  readonly student: Checkpoint;
  /** The student's prompts; undefined for a student without. */
  readonly prompts?: SavedPrompts;
  readonly history: readonly HistoryEntry[];
  /** Numbers the student holds, with prompt encoder and prompts. */
  readonly parameters: number;
  /** Of several teachers, where labelled images are held out: each alone, the mixes, and the rule. */
  readonly fusion?: FusionFigures;
  /** As they were planned. */
  readonly phases: readonly Phase[];
  /** Where the recipe wants evaluations. */
  readonly validation?: DistillValidation;
}

/** How good the student became on images that it was not trained on. */
export interface DistillValidation {
  /** Of the last phase, in their order. */
  readonly evaluations: readonly PlacedEvaluation[];
  /** The best of them, and the checkpoint folder of the student as it was then. */
  readonly best: PlacedEvaluation & { readonly folder: string };
  /** The finished student's score (`scoreOf`) on as many of the images that it was trained on. */
  readonly trained: number;
  /** What guessing reaches. */
  readonly chance: number;
  /** Class texts that the teacher was trained with, where those of the run are far from them. */
  readonly ownTemplates?: readonly string[];
}

/**
 * Distils a teacher into a student: stored teacher targets, the student's start, then phase after phase.
 *
 * The same seed gives the same bits on one machine, and a run that was stopped and is called again ends with the same
 * parameters as one that was not. The finished student is saved in `runDir/student`.
 *
 * @throws the signal's reason where it is aborted while texts are read, before anything is trained
 * @throws UserError for a recipe that does not fit teacher or data, or a run folder of another run or in use
 */
export async function distill(options: DistillOptions): Promise<DistillResult> {
  const given = { ...options, recipe: withTemplates(options) };
  const { name, fingerprint } = given.dataset;
  return inRun({ command: 'distill', data: { name, fingerprint } }, given, async (run) => {
    warnOfTemplates(given);
    sayTexts(given);
    await given.onProgress?.({ phase: 'preparing the student', step: 0, steps: 0 });
    const { options, teacher, teachers, phases, full, batches, complete, fused } = await prepare(given);
    const { recipe } = options;
    const { store, bank } = batches;
    run.own({ dispose: () => batches.close() });
    run.identify('teacher', teacher.fingerprint());
    const fingerprints = fused?.identity.split(' ') ?? [];
    for (const [k, fingerprint] of fingerprints.entries()) if (k > 0) run.identify(`teacher ${k + 1}`, fingerprint);
    run.skip(store.unreadable);
    const making: Making = { engine: options.engine, full, teacher, bank };
    const first = leads(options.engine?.group);
    // Of several processes the first one measures; the others wait for it in the next step.
    const probe =
      complete && first
        ? await StudentProbe.open(options, { preprocess: preprocessOf(making) }, run.history)
        : undefined;
    const position = complete
      ? await trainPhases(options, making, fused?.identity ?? teacher.fingerprint(), phases, batches, run, probe)
      : { finished: false, step: 0, seconds: 0 };
    const made = await studentOf(making, full);
    const folder = join(options.runDir, 'student');
    const { finished, step: steps, seconds } = position;
    const imagesSeen = imagesOf(recipe, steps);
    if (finished && first) await saveStudent(folder, made, { step: steps, seconds }, recipe);
    if (finished && first) await saveAdaptors(folder, full, teachers, recipe);
    const validation =
      probe && finished
        ? await validationOf(probe, made, run, phases.at(-1)!, {
            folder: bestFolder(options),
            ownTemplates: farTemplates(given),
          })
        : undefined;
    const { prompts, ...student } = made;
    const parameters = countParameters(modelWeights(made));
    const result: DistillResult = {
      ...{ student, prompts, folder, finished, steps, imagesSeen, seconds },
      ...{ history: run.history.entries, parameters, phases, validation, fusion: fused?.figures },
    };
    const { best, trained, chance } = validation ?? {};
    const last = validation?.evaluations.at(-1);
    return {
      result,
      figures: {
        parameters,
        ...(fused?.figures && { teachers: fused.figures }),
        ...(validation && { evaluation: last, best, trained, chance }),
      },
    };
  });
}

/** The teacher's class texts, where those of the recipe are far from them. */
function farTemplates({ recipe, teacherTemplates }: DistillOptions): readonly string[] | undefined {
  return teacherTemplates && areFar(recipe.texts.templates!, teacherTemplates) ? teacherTemplates : undefined;
}

function warnOfTemplates(options: DistillOptions): void {
  const { recipe, onMessage } = options;
  const known = farTemplates(options);
  if (!known) return;
  const list = (templates: readonly string[]) =>
    templates
      .slice(0, 3)
      .map((one) => JSON.stringify(one))
      .join(', ');
  onMessage?.(
    `warning: the student learns by the class texts ${list(recipe.texts.templates!)}, the teacher was trained with ${list(known)}: set texts.templates to those, or its answers may be worth little`,
  );
}

/** What takes the place of classes, or of labels, where there are none. */
function sayTexts({ dataset, recipe, onMessage }: DistillOptions): void {
  const { name, classes } = dataset;
  if (classes.length === 0) {
    if (recipe.texts.captions)
      onMessage?.(`${name} has no classes: the student learns by its captions alone; retrieval is measured`);
  } else if (!examplesOf(dataset, recipe.data.split).some(isLabelled)) {
    onMessage?.(`${name} has no labels: the student learns the teacher's answers among its ${classes.length} classes`);
  }
}

async function validationOf(
  probe: StudentProbe,
  made: MadeStudent,
  { history }: Run,
  last: Phase,
  { folder, ownTemplates }: { readonly folder: string; readonly ownTemplates?: readonly string[] },
): Promise<DistillValidation | undefined> {
  const evaluations = evaluationsOf(history.entries, last.name);
  const best = bestOf(evaluations);
  if (!best) return undefined;
  return {
    ...{ evaluations, best: { ...best, folder }, chance: probe.chance },
    trained: await probe.measureTrained(made),
    ...(ownTemplates && { ownTemplates }),
  };
}
