import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { DownloadOptions } from '../../clip/index.js';
import type {
  DistillRecipe,
  DistillResult,
  Preset,
  StudentSize,
  StudentWish,
  TeacherModel,
  TimedWork,
} from '../../distill/index.js';
import { fusionRules } from '../../distill/teachers/fusion-rules.js';
import { UserError } from '../../errors.js';
import type { RunModelOptions } from '../../model/index.js';
import { lossFields, withLossFlags } from '../loss-flags.js';
import { examples, positiveInteger, positiveNumber, promptsOption } from '../options.js';
import { teacherModels, withTeacherModels } from '../teacher-models.js';
import {
  runTraining,
  type Training,
  type TrainingOptions,
  withPlanOptions,
  withRoundsOptions,
  withTrainingOptions,
} from '../training.js';

/** Beside the run's other files, where it had several teachers. */
const teachersPageFile = 'teachers.html';

export interface DistillOptions extends TrainingOptions {
  readonly teacher?: readonly string[];
  readonly student?: string;
  readonly fusion?: string;
  readonly method?: string;
  /** A file of `--prompts`; false with `--no-prompts`. */
  readonly prompts?: string | false;
  readonly preset?: Preset;
  readonly size?: StudentSize;
  readonly maxParameters?: number;
  readonly maxBytes?: number;
  /** ms. */
  readonly maxLatency?: number;
  /** GB. */
  readonly maxStore?: number;
  readonly targets?: string;
  readonly coordination: boolean;
  readonly inherit: boolean;
}

export function addDistill(program: Command): void {
  const command = program.command('distill').description('distil a teacher into a small student, with dynamic prompts');
  withDistillOptions(program, withPlanOptions(command), run).addHelpText(
    'after',
    examples(
      'distill --teacher promptkd:emoji-teacher --out runs/student',
      'distill --teacher my-clip --data folder:photos --preset quick --plan',
      'distill --teacher my-clip --data folder:photos --out runs/small --max-parameters 2000000',
      'distill --teacher promptkd:emoji-teacher --out runs/kd --method kd',
      'distill --teacher promptkd:emoji-teacher --out runs/prompted --prompts prompts.json',
      'distill --teacher promptkd:emoji-teacher --out runs/large --recompute --set batch=512',
      'distill --teacher promptkd:emoji-teacher --teacher my-clip --fusion learned --out runs/both',
      'distill --teacher promptkd:emoji-teacher --out runs/ablation --no-attention --seed 3',
      'distill --teacher promptkd:emoji-teacher --out runs/little --fraction 0.1 --imbalance 7',
      'distill --teacher my-clip --data folder:photos --out runs/mine --recipe recipe.yaml --set phases.joint.steps=4000',
    ),
  );
}

/** All that says what a distillation is. */
export function withDistillOptions(
  program: Command,
  command: Command,
  action: (options: DistillOptions, command: Command) => Promise<void>,
): Command {
  withRoundsOptions(withTrainingOptions(command, 'student and teacher (not of a teacher that is only in ONNX)'))
    .option(
      '--teacher <folder>',
      'checkpoint folder, Hugging Face id or shipped model (promptkd:emoji-teacher); an ONNX-only model gives embeddings alone; repeat for several teachers (docs/teachers.md)',
      (folder: string, before: readonly string[] = []) => [...before, folder],
    )
    .addOption(
      new Option(
        '--fusion <rule>',
        'with several teachers: how their answers are combined (default: confidence)',
      ).choices([...fusionRules]),
    )
    .option('--student <folder>', 'checkpoint the student starts from; without it, the recipe says how it starts')
    .addOption(
      new Option(
        '--preset <name>',
        'without a recipe: the time to keep to on this machine (10 min, 1 h, 8 h), and how large a student (default: balanced)',
      ).choices(['quick', 'balanced', 'best']),
    )
    .addOption(
      new Option(
        '--size <name>',
        'without a recipe: size of the student, a quarter to half of the teacher’s width',
      ).choices(['tiny', 'small', 'base']),
    )
    .option('--max-parameters <n>', 'without a recipe: the largest student with no more parameters', positiveInteger)
    .option('--max-bytes <n>', 'the same by the size of its weights, four bytes a parameter', positiveInteger)
    .option('--max-latency <ms>', 'the same by the time of one image, measured here', positiveNumber)
    .option(
      '--max-store <GB>',
      'without a recipe: disk limit for teacher targets (stored outputs) (default: 1)',
      positiveNumber,
    )
    .option(
      '--targets <folder>',
      'folder of the teacher targets; several runs can share it (default: inside the run folder)',
    )
    .addOption(
      new Option('--method <method>', 'promptkd: prompts, features, attention, responses; kd: logits only').choices([
        'promptkd',
        'kd',
      ]),
    )
    // Before --no-prompts, which would otherwise make true the default of both.
    .addOption(promptsOption())
    .option('--no-prompts', 'without learned prompts')
    .option(
      '--no-coordination',
      'without gradient coordination: feature gradients unclipped, attention gradients unscaled (γ = 1)',
    )
    .option('--no-inherit', 'start the student from random weights')
    .action(action);
  withLossFlags(program, command);
  return command;
}

/** The recipe fields that the flags stand for. */
async function flags(options: DistillOptions, command: Command): Promise<Record<string, unknown>> {
  const off = (flag: boolean) => (flag ? undefined : false);
  const { readPromptSet } = await import('../../prompt/index.js');
  const { templates, weights } = options.prompts ? await readPromptSet(options.prompts) : {};
  return {
    ...(await lossFields(command)),
    method: options.method,
    'fusion.rule': options.fusion,
    'texts.templates': templates,
    'texts.weights': weights,
    'student.checkpoint': options.student,
    'student.init': options.student ? 'given' : options.inherit ? undefined : 'random',
    'prompts.enabled': off(options.prompts !== false),
    'coordination.clip': options.coordination ? undefined : 0,
    'coordination.gamma': options.coordination ? undefined : 1,
  };
}

/** What the flags wish of a student. @throws UserError where a recipe, or a student that is given, says it already */
function wishOf(options: DistillOptions): StudentWish {
  const { preset, size, maxParameters, maxBytes, maxLatency, maxStore } = options;
  const student = {
    ...{ preset, size, 'max-parameters': maxParameters, 'max-bytes': maxBytes, 'max-latency': maxLatency },
  };
  const [flag] = Object.entries({ ...student, 'max-store': maxStore }).find(([, value]) => value !== undefined) ?? [];
  const [shape] = Object.entries(student).find(([, value]) => value !== undefined) ?? [];
  if (flag && options.recipe)
    throw new UserError(`--${flag}: --recipe ${options.recipe} says what the run is: leave out one of them`);
  if (shape && options.student)
    throw new UserError(
      `--${shape}: --student ${options.student} is what it is, and keeps the published rates: leave out one of them`,
    );
  return { preset, size, maxParameters, maxBytes, maxStore: maxStore === undefined ? undefined : maxStore * 1e9 };
}

async function run(options: DistillOptions, command: Command): Promise<void> {
  const wish = wishOf(options);
  await runTraining(options, () => distillTraining(options, command, { wish }));
}

/**
 * What the command runs; `allTeachers` reads the teachers of a recipe, each once; `templatesOf` the first one's class texts.
 *
 * @param timesSteps whether a recipe that is derived keeps to a time on this machine; several processes need the same recipe
 */
export async function distillTraining(
  options: DistillOptions,
  command: Command,
  { wish = wishOf(options), timesSteps = options.rounds === undefined } = {},
) {
  const [
    { deriveRecipe, distill, distillRecipe, loadTeacher, planDistill, teacherOf, timeWork, withinLatency },
    { loadModelCheckpoint, trainingOf },
    { writeTeachersPage },
    output,
    { shellLine },
    { madeByFirst },
  ] = await Promise.all([
    import('../../distill/index.js'),
    import('../../model/index.js'),
    import('../../report/index.js'),
    import('../output/distill.js'),
    import('../../jobs/index.js'),
    import('../../group/index.js'),
  ]);
  const { device, threads, targets: targetsDir, maxLatency } = options;
  const given = options.teacher ?? [];
  const read = new Map<string, Promise<TeacherModel>>();
  const teacherModel = (name: string, download: DownloadOptions & RunModelOptions) => {
    const known = read.get(name) ?? loadTeacher(name, { ...download, device, threads });
    read.set(name, known);
    return known;
  };
  const allTeachers = async (recipe: DistillRecipe, download: DownloadOptions & RunModelOptions) => {
    const models: TeacherModel[] = [];
    for (const name of teacherModels(recipe, given)) models.push(await teacherModel(name, download));
    const [teacher, ...others] = models;
    return { teacher: teacher!, others };
  };

  const templatesOf = (recipe: DistillRecipe) => trainingOf(teacherModels(recipe, given)[0]!)?.templates;
  let timed: TimedWork | undefined;
  const training: Training<DistillRecipe, DistillResult> = {
    schema: distillRecipe.transform((recipe) => withTeacherModels(recipe, given)),
    flags: await flags(options, command),
    sources: (recipe) =>
      Object.fromEntries(
        teacherModels(recipe, given).map((name, k) => [k === 0 ? 'teacher' : `teacher ${k + 1}`, name]),
      ),
    again: [
      ...(given.length === 1 ? ['--teacher', given[0]!] : []), // several are in the recipe
      ...(targetsDir === undefined ? [] : ['--targets', targetsDir]),
    ],
    adapt: async (recipe, set, open, run, complete) => {
      const { checkpoint } = recipe.student;
      const models = await allTeachers(recipe, run);
      const teacher = teacherOf(models.teacher);
      const dataset = await open();
      const within =
        maxLatency === undefined
          ? wish
          : await withinLatency(maxLatency, recipe, { wish, given: set, teacher }, { device, threads });
      const { group, ...engine } = run.engine ?? {};
      // Of several processes the first one times, alone and for the whole batch.
      return madeByFirst(group, async () => {
        const derived = await deriveRecipe(recipe, {
          ...{ wish: within, given: set, teacher, dataset, complete },
          student: checkpoint === undefined ? undefined : (await loadModelCheckpoint(checkpoint, run)).config,
          time: timesSteps
            ? (tried, known) => {
                const own = { ...run, engine, targetsDir, ...models, dataset };
                return timeWork({ ...own, teacherTemplates: templatesOf(tried), recipe: tried }, known);
              }
            : undefined,
        });
        timed = derived.timed;
        return { fields: derived.fields, reasons: derived.reasons };
      });
    },
    plan: async (run, open) => {
      const models = await allTeachers(run.recipe, run);
      const teacherTemplates = templatesOf(run.recipe);
      return planDistill({ ...run, targetsDir, ...models, teacherTemplates, dataset: await open() }, timed);
    },
    run: async (run, open) => {
      const models = await allTeachers(run.recipe, run);
      const teacherTemplates = templatesOf(run.recipe);
      const result = await distill({ ...run, targetsDir, ...models, teacherTemplates, dataset: await open() });
      if (result.fusion) await writeTeachersPage(join(options.out, teachersPageFile), result.fusion);
      return result;
    },
    json: output.distillJson,
    closing: (result, recipe) => ({
      lines: [
        ...output.distillLines(result, recipe),
        ...(result.fusion ? [`weights by class: ${join(options.out, teachersPageFile)}`] : []),
      ],
      saved: result.folder,
      next: [
        shellLine(['evaluate', options.out, '--data', recipe.data.dataset]),
        shellLine(['export', options.out, '--out', 'exported']),
      ],
    }),
  };
  return { ...training, allTeachers, templatesOf };
}
