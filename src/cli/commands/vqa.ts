import { type Command, Option } from 'commander';
import type { TaskDtype, VqaEvaluation } from '../../tasks/index.js';
import {
  type CommonOptions,
  deviceOption,
  type EngineOptions,
  examples,
  positiveInteger,
  printResult,
  threadsOption,
  withCommonOptions,
  withEngineOptions,
  withRecipeOptions,
} from '../options.js';
import { type RecipeRunOptions, runTraining } from '../training.js';

const dataHelp =
  'emoji-vqa (built in); vqav2:DIR, gqa:DIR, clevr:DIR as downloaded; csv:FILE with the columns image, question, answer';

interface TrainOptions extends RecipeRunOptions, EngineOptions {
  readonly split?: string;
  readonly blind?: boolean;
  readonly teacher?: string;
  readonly teacherHead?: string;
}

interface EvaluateOptions extends CommonOptions {
  readonly data: string;
  readonly head?: string;
  readonly blind?: string;
  readonly zeroShot?: boolean;
  readonly split?: string;
  readonly questions?: number;
  readonly answers?: string;
  readonly threads?: number;
}

interface AskOptions extends CommonOptions {
  readonly head: string;
  readonly top: number;
  readonly among?: readonly string[];
  readonly addAnswers?: readonly string[];
  readonly threads?: number;
}

export function addVqa(program: Command): void {
  const vqa = program
    .command('vqa')
    .description('answer questions about images: train a head on a frozen model, measure it, ask it, export it');
  const train = vqa
    .command('train')
    .description('train a head on a frozen model; with a teacher, distil it from the teacher’s head');
  withEngineOptions(withRecipeOptions(withCommonOptions(train)))
    .argument('<model>', 'checkpoint folder or Hugging Face id; it stays as it is')
    .requiredOption('--out <folder>', 'run folder; a stopped run continues from it')
    .option('--data <data>', dataHelp)
    .option('--split <name>', 'questions to learn from')
    .option('--blind', 'show no images: a baseline that reads the questions alone')
    .option('--teacher <model>', 'larger model whose head is imitated')
    .option('--teacher-head <folder>', 'head that was trained on the teacher')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples(
        'vqa train promptkd:emoji-teacher --recipe promptkd:vqa-emoji --out runs/teacher-vqa',
        'vqa train promptkd:emoji-student --teacher promptkd:emoji-teacher --teacher-head runs/teacher-vqa --recipe promptkd:vqa-emoji --out runs/vqa',
        'vqa train openai/clip-vit-base-patch32 --data vqav2:data/vqa --recipe promptkd:vqa-vqav2 --out runs/vqav2',
      ),
    )
    .action(trainHead);
  withCommonOptions(
    vqa
      .command('evaluate')
      .description('measure the official VQA accuracy by question and answer type, next to baselines'),
  )
    .argument('<model>', 'the model that the head was trained on')
    .option('--head <folder>', 'folder of the head, or of the run that trained it')
    .option('--blind <folder>', 'folder of a head that was trained with --blind')
    .option('--zero-shot', 'also answer without a head: compare the image with a statement for each answer')
    .option('--data <data>', dataHelp, 'emoji-vqa')
    .option('--split <name>', 'questions to ask (default: test, or val)')
    .option('--questions <n>', 'ask only this many, sampled', positiveInteger)
    .option('--answers <file>', 'write the answers to this file, in the format of VQAv2’s server')
    .addOption(threadsOption())
    .addHelpText('after', examples('vqa evaluate models/emoji-student --head runs/vqa --blind runs/blind --zero-shot'))
    .action(evaluate);
  withCommonOptions(vqa.command('ask').description('ask about an image file'))
    .argument('<model>', 'the model that the head was trained on')
    .argument('<image>', 'image file')
    .argument('<question...>', 'one or several questions, each in quotes')
    .requiredOption('--head <folder>', 'folder of the head, or of the run that trained it')
    .option('--top <n>', 'number of answers to show, the most likely first', positiveInteger, 5)
    .option('--among <answers...>', 'answers to choose from')
    .option('--add-answers <answers...>', 'also consider these answers, which the head was not trained on')
    .addOption(threadsOption())
    .addHelpText(
      'after',
      examples('vqa ask promptkd:emoji-student scene.png "how many cats?" "what colour is the cat?" --head runs/vqa'),
    )
    .action(ask);
  withCommonOptions(
    vqa.command('export').description('write a head for ONNX Runtime: one file for images, one for questions'),
  )
    .argument('<model>', 'the model that the head was trained on')
    .requiredOption('--head <folder>', 'folder of the head, or of the run that trained it')
    .requiredOption('--out <folder>', 'folder to write')
    .addOption(
      new Option('--dtype <name>', 'q8, q4: linear layers in INT8 or INT4')
        .choices(['fp32', 'q8', 'q4'])
        .default('fp32'),
    )
    .addHelpText('after', examples('vqa export models/emoji-student --head runs/vqa --out exported-vqa'))
    .action(exportHead);
}

async function trainHead(folder: string, options: TrainOptions): Promise<void> {
  const { UserError } = await import('../../errors.js');
  const { teacher, teacherHead } = options;
  if ((teacher === undefined) !== (teacherHead === undefined)) {
    throw new UserError(
      '--teacher and --teacher-head: expected both, a teacher and the head that was trained on it, or neither',
    );
  }
  await runTraining(options, async () => {
    const [{ loadVqaHead, openVqa, trainVqa, vqaRecipe }, { loadTowerModel }] = await Promise.all([
      import('../../tasks/index.js'),
      import('../../model/index.js'),
    ]);
    const { accumulate, ema, precision, recompute, blind } = options;
    return {
      schema: vqaRecipe,
      flags: { 'data.split': options.split, blind, accumulate, ema, precision, recompute },
      sources: { model: folder, ...(teacher !== undefined && { teacher }) },
      again: [
        'train',
        folder,
        ...(teacher === undefined ? [] : ['--teacher', teacher, '--teacher-head', teacherHead!]),
      ],
      run: async (given) => {
        const model = await loadTowerModel(folder, 'vqa', given);
        const taught =
          teacher === undefined
            ? undefined
            : { model: await loadTowerModel(teacher, '--teacher', given), head: loadVqaHead(teacherHead!) };
        const data = await openVqa(given.recipe.data.dataset);
        return trainVqa({ ...given, model, data, teacher: taught });
      },
      json: ({ folder: head, answers, questions, outside, unreadable, parameters, evaluation, best, seconds }) => ({
        ...{ head, answers, questions, outside, unreadable, parameters, train_seconds: seconds, evaluation, best },
      }),
      closing: ({ folder: head, answers, questions, outside, parameters, seconds, evaluation }) => ({
        lines: [
          `learned ${answers} answers from ${questions} questions in ${Math.round(seconds)} s; ${parameters.toLocaleString('en-GB')} parameters`,
          ...(outside > 0 ? [`${outside} questions have none of these answers and were skipped`] : []),
          ...(evaluation
            ? [
                `VQA accuracy on ${evaluation.images} questions of ${evaluation.split}: ${((evaluation.top1 ?? 0) * 100).toFixed(1)} %`,
              ]
            : []),
        ],
        saved: head,
        next: [
          `vqa evaluate ${folder} --head ${options.out}`,
          `vqa ask ${folder} IMAGE QUESTION --head ${options.out}`,
        ],
      }),
    };
  });
}

async function evaluate(folder: string, options: EvaluateOptions): Promise<void> {
  const [{ evaluateVqa, loadVqaHead, openVqa }, { loadTowerModel }, { UserError }] = await Promise.all([
    import('../../tasks/index.js'),
    import('../../model/index.js'),
    import('../../errors.js'),
  ]);
  const { split, questions, threads, zeroShot } = options;
  if (!options.head && !options.blind && !zeroShot) {
    throw new UserError('nothing to measure: expected --head, --blind or --zero-shot');
  }
  const head = options.head === undefined ? undefined : loadVqaHead(options.head);
  const blind = options.blind === undefined ? undefined : loadVqaHead(options.blind);
  const model = await loadTowerModel(folder, 'vqa');
  const data = await openVqa(options.data);
  const { answers, ...found } = await evaluateVqa(model, data, { head, blind, zeroShot, split, questions, threads });
  if (options.answers !== undefined) {
    const { writeFileAtomic } = await import('../../files/index.js');
    const named = answers.map(({ question_id, answer }) => ({
      question_id: /^\d+$/.test(question_id) ? Number(question_id) : question_id,
      answer,
    }));
    await writeFileAtomic(options.answers, JSON.stringify(named));
  }
  const { evaluationTable } = await import('../output/vqa.js');
  printResult(options, { ...found, skipped: data.skipped.length }, () =>
    evaluationTable(found as VqaEvaluation, data.skipped.length),
  );
}

async function ask(folder: string, file: string, questions: readonly string[], options: AskOptions): Promise<void> {
  const [{ loadVqaHead, VqaAsker, withAnswers }, { loadTowerModel }, { readBytes }] = await Promise.all([
    import('../../tasks/index.js'),
    import('../../model/index.js'),
    import('../../files/index.js'),
  ]);
  const known = loadVqaHead(options.head);
  const model = await loadTowerModel(folder, 'vqa');
  const head = options.addAnswers ? await withAnswers(known, model, options.addAnswers) : known;
  const image = await readBytes(file);
  const asker = await VqaAsker.open(model, head, { threads: options.threads });
  try {
    const answers: unknown[] = [];
    const lines: string[] = [];
    for (const question of questions) {
      const { answer, confidence, top } = await asker.ask(image, {
        question,
        top: options.top,
        answers: options.among,
      });
      answers.push({ question, answer, confidence, top });
      const others = top.slice(1).map((one) => `${one.answer} ${one.confidence.toFixed(2)}`);
      lines.push(
        `${question}  ${answer}  ${confidence.toFixed(2)}${others.length > 0 ? `  (${others.join(', ')})` : ''}`,
      );
    }
    printResult(options, { image: file, answers }, () => lines.join('\n'));
  } finally {
    await asker.close();
  }
}

async function exportHead(
  folder: string,
  options: CommonOptions & { head: string; out: string; dtype: TaskDtype },
): Promise<void> {
  const [{ exportVqa, loadVqaHead }, { loadTowerModel }] = await Promise.all([
    import('../../tasks/index.js'),
    import('../../model/index.js'),
  ]);
  const result = await exportVqa(
    await loadTowerModel(folder, 'vqa'),
    loadVqaHead(options.head),
    options.out,
    options.dtype,
  );
  printResult(options, result, () => {
    const sizes = Object.entries(result.bytes).map(([name, bytes]) => `${name} ${(bytes / 1e6).toFixed(2)} MB`);
    return `${sizes.join(', ')}; the logits differ from the engine’s by at most ${result.difference.toExponential(1)}\nsaved to  ${options.out}`;
  });
}
