import { type Command, Option } from 'commander';

import { lossFields, withLossFlags } from '../loss-flags.js';
import { examples, promptsOption } from '../options.js';
import { runTraining, type TrainingOptions, withTrainingOptions } from '../training.js';

interface DistillOptions extends TrainingOptions {
  readonly teacher: string;
  readonly student?: string;
  readonly method?: string;
  /** A file of `--prompts`; false with `--no-prompts`. */
  readonly prompts?: string | false;
  readonly coordination: boolean;
  readonly inherit: boolean;
}

export function addDistill(program: Command): void {
  const command = program.command('distill').description('distil a teacher into a small student, with dynamic prompts');
  withTrainingOptions(command, 'student and teacher (not of a teacher that is only in ONNX)')
    .requiredOption(
      '--teacher <folder>',
      'checkpoint folder or Hugging Face id of the teacher; of a model that is only in ONNX, its embeddings are used',
    )
    .option('--student <folder>', 'checkpoint the student starts from; without it, the recipe says how it starts')
    .addOption(
      new Option('--method <method>', 'promptkd: the dual-stream method; kd: logits alone, without prompts').choices([
        'promptkd',
        'kd',
      ]),
    )
    // Before --no-prompts, which would otherwise make true the default of both.
    .addOption(promptsOption())
    .option('--no-prompts', 'without learned prompts')
    .option('--no-coordination', 'without gradient coordination: no clipping, γ = 1')
    .option('--no-inherit', 'start the student from random weights')
    .addHelpText(
      'after',
      examples(
        'distill --teacher models/emoji-teacher --out runs/student',
        'distill --teacher models/emoji-teacher --out runs/kd --method kd',
        'distill --teacher models/emoji-teacher --out runs/prompted --prompts prompts.json',
        'distill --teacher models/emoji-teacher --out runs/large --recompute --set batch=512',
        'distill --teacher models/emoji-teacher --out runs/ablation --no-attention --seed 3',
        'distill --teacher models/emoji-teacher --out runs/little --fraction 0.1 --imbalance 7',
        'distill --teacher my-clip --data folder:photos --out runs/mine --recipe recipe.yaml --set phases.joint.steps=4000',
      ),
    )
    .action(run);
  withLossFlags(program, command);
}

/** The recipe fields that the flags stand for. */
async function flags(options: DistillOptions, command: Command): Promise<Record<string, unknown>> {
  const off = (flag: boolean) => (flag ? undefined : false);
  const { readPromptSet } = await import('../../prompt/index.js');
  const { templates, weights } = options.prompts ? await readPromptSet(options.prompts) : {};
  return {
    ...(await lossFields(command)),
    method: options.method,
    'texts.templates': templates,
    'texts.weights': weights,
    'student.checkpoint': options.student,
    'student.init': options.student ? 'given' : options.inherit ? undefined : 'random',
    'prompts.enabled': off(options.prompts !== false),
    'coordination.clip': options.coordination ? undefined : 0,
    'coordination.gamma': options.coordination ? undefined : 1,
  };
}

async function run(options: DistillOptions, command: Command): Promise<void> {
  await runTraining(options, async () => {
    const { distill, distillRecipe, loadTeacher } = await import('../../distill/index.js');
    const { device, threads } = options;

    return {
      schema: distillRecipe,
      flags: await flags(options, command),
      sources: { teacher: options.teacher },
      run: async ({ onDownload, ...given }, open) => {
        const teacher = await loadTeacher(options.teacher, { onDownload, device, threads });
        return distill({ ...given, onDownload, teacher, dataset: await open() });
      },
      json: ({ folder, parameters, imagesSeen, seconds }) => ({
        ...{ student: folder, parameters, images_seen: imagesSeen, train_seconds: seconds },
      }),
      closing: ({ folder, parameters, imagesSeen, seconds }, recipe) => ({
        lines: [
          `${parameters.toLocaleString('en-GB')} parameters, ${imagesSeen.toLocaleString('en-GB')} images seen in ${Math.round(seconds)} s`,
        ],
        saved: folder,
        next: [`evaluate ${folder} --data ${recipe.data.dataset}`, `export ${options.out} --out exported`],
      }),
    };
  });
}
