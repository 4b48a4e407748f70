import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Checkpoint, saveCheckpoint } from '../clip/index.js';
import { UserError } from '../errors.js';
import { type SavedVisualStudent, saveVisualStudent, visualStudentFile } from '../model/index.js';
import { promptFile, type SavedPrompts, savePrompts } from '../prompt/index.js';
import { type ModelCard, writeCard } from './card.js';
import { type Classes, checkClasses, classifierFile, writeClassifier } from './classifier.js';
import { foldVisionPrompts, promptTokens } from './fold.js';
import { graphNames, graphsOf } from './graphs.js';
import { onnxPath, writeOnnx } from './onnx-files.js';
import { checkPrompts, maxTextLength, type Student } from './student.js';
import { samplesFor, verifyOnnx } from './verify.js';

export interface ExportOptions {
  readonly checkpoint: Checkpoint;
  readonly prompts?: SavedPrompts;
  /** Of a student of the CVPR 2024 recipe: the image encoder alone is written, and its classes as `classifier.safetensors`. */
  readonly visual?: SavedVisualStudent;
  /** Folder that is written; files of the same names are replaced. */
  readonly out: string;
  /** Class names: their text features are written as `classifier.safetensors`. */
  readonly classes?: readonly string[];
  /** Texts of a class, `{}` or `[OBJ]` standing for its name. @defaultValue `a drawing of {}` */
  readonly templates?: readonly string[];
  /** Of the templates in a class's mean; without them all weigh alike. */
  readonly weights?: readonly number[];
  /** Fold vision prompts into constant keys and values: the same result, faster. @defaultValue true */
  readonly fold?: boolean;
  readonly card?: ModelCard;
}

export interface ExportResult {
  /** Files written, relative to `out`. */
  readonly files: readonly string[];
  /** Largest difference of a float32 ONNX file from the engine, as a share of the largest value where that is above 1. */
  readonly maxDifference: number;
  /** The same for each ONNX file. */
  readonly differences: Readonly<Record<string, number>>;
}

/**
 * Writes a model as one folder that Hugging Face's transformers (`config.json`, `model.safetensors`), Transformers.js
 * and ONNX Runtime (`onnx/`) load: image and text encoder, apart and together, in float32 and with binary16 weights,
 * open batch and sequence axes, prompts inside. Every ONNX file is then run and compared with the engine.
 *
 * @throws UserError where prompts or classes do not fit, and Error where a written file differs from the engine.
 * @example
 * const { maxDifference } = await exportModel({ checkpoint: await loadCheckpoint(dir), prompts: await loadPrompts(dir), out: 'student' });
 */
export async function exportModel(options: ExportOptions): Promise<ExportResult> {
  const { checkpoint, prompts, visual, out, fold = true } = options;
  const student: Student = { checkpoint, prompts, visual };
  const classes = classesOf(options);
  checkPrompts(student);
  if (classes) checkClasses(classes);

  // What an earlier export left and this one does not write would contradict it.
  const earlier = graphNames.flatMap((name) => [false, true].map((half) => onnxPath(name, half)));
  for (const file of [promptFile, visualStudentFile, classifierFile, ...earlier])
    await rm(join(out, file), { force: true });
  await saveCheckpoint(out, checkpoint, { maxLength: maxTextLength(student) });
  const files = [
    'config.json',
    'model.safetensors',
    'preprocessor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ];
  if (prompts) {
    await savePrompts(out, prompts);
    files.push(promptFile);
  }
  if (visual) {
    await saveVisualStudent(out, visual);
    files.push(visualStudentFile);
  }
  const { params, config } = checkpoint;
  const tokens = prompts?.vision ?? visual?.prompts;
  const vision = tokens && (fold ? await foldVisionPrompts(params, config, tokens) : promptTokens(tokens));
  const graphs = graphsOf(student);
  for (const half of [undefined, new Map()]) {
    for (const name of graphs) files.push(await writeOnnx(out, name, half, student, vision));
  }
  const texts = classes && !visual ? classes.names.slice(0, 4) : ['a cat', 'two small houses under a tree', 'red'];
  const differences = await verifyOnnx(out, student, samplesFor(student, texts));
  const maxDifference = Math.max(...graphs.map((name) => differences[onnxPath(name, false)]!));
  if (classes) {
    await writeClassifier(out, student, classes);
    files.push(classifierFile);
  }
  const card = { name: basename(resolve(out)), ...options.card };
  await writeCard(out, student, card, { classes, folded: fold, maxDifference });
  files.push('README.md');
  return { files, maxDifference, differences };
}

function classesOf({ visual, classes, templates, weights }: ExportOptions): Classes | undefined {
  if (!visual) return classes && { names: classes, templates: templates ?? ['a drawing of {}'], weights };
  if (templates || weights) {
    throw new UserError('a visual student has its class features from its teacher: leave the templates out');
  }
  return { names: classes ?? visual.classes, templates: ['{}'] };
}
