import { basename, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { fillFolder } from '../files/index.js';
import {
  checkPrompts,
  classifierFile,
  exportedPrompts,
  graphNames,
  graphsOf,
  type Model,
  modelParts,
  type TowerModel,
  usualTemplates,
  withTowers,
  withWholeTokens,
  writeModel,
} from '../model/index.js';
import { cardLicence, type ModelCard, writeCard } from './card.js';
import { type Classes, checkClasses, writeClassifier } from './classifier.js';
import { onnxPath, writeOnnx } from './onnx-files.js';
import { samplesFor, verifyOnnx } from './verify.js';

/** Options of {@link exportModel}. */
export interface ExportOptions {
  /** Of a visual student (the CVPR 2024 recipe) the image encoder alone is written, and its classes as `classifier.safetensors`. */
  readonly model: Model;
  /** Folder that is written; files of the same names are replaced. */
  readonly out: string;
  /** Class names: their text features are written as `classifier.safetensors`. */
  readonly classes?: readonly string[];
  /** Texts of a class, `{}` or `[OBJ]` standing for its name. @defaultValue `usualTemplates` */
  readonly templates?: readonly string[];
  /** Of the templates in a class's mean; without them all weigh alike. */
  readonly weights?: readonly number[];
  /** Fold vision prompts into constant keys and values: the same result, faster. @defaultValue true */
  readonly fold?: boolean;
  readonly card?: ModelCard;
}

/** What {@link exportModel} wrote, and how far it is from the engine. */
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
 * @throws UserError where prompts or classes do not fit, of ONNX files, or where a written file differs from the engine.
 * @example
 * const { maxDifference } = await exportModel({ model: await loadModel('promptkd:emoji-student'), out: 'exported' });
 */
export async function exportModel(options: ExportOptions): Promise<ExportResult> {
  const { out, fold = true } = options;
  const model = withTowers(options.model, 'export');
  const classes = classesOf(model, options);
  checkPrompts(model);
  if (classes) checkClasses(classes);

  // What an earlier export left and this one does not write would contradict it.
  const earlier = graphNames.flatMap((name) => [false, true].map((half) => onnxPath(name, half)));
  const { name = basename(resolve(out)), licence = model.source && (await cardLicence(model.source.folder)) } =
    options.card ?? {};
  return fillFolder(out, [...modelParts, ...earlier], (unfinished) =>
    writeExport(unfinished, model, classes, { ...options.card, name, licence }, fold),
  );
}

async function writeExport(
  folder: string,
  model: TowerModel,
  classes: Classes | undefined,
  card: ModelCard,
  fold: boolean,
): Promise<ExportResult> {
  const files: string[] = [];
  // Hugging Face's models have no factorised token table; the ONNX files keep its two factors.
  const weights = await writeModel(folder, withWholeTokens(model));
  const vision = await exportedPrompts(model, fold);
  const graphs = graphsOf(model);
  for (const half of [undefined, new Map()]) {
    for (const name of graphs) files.push(await writeOnnx(folder, name, half, model, vision));
  }
  const texts =
    classes && !model.projector ? classes.names.slice(0, 4) : ['a cat', 'two small houses under a tree', 'red'];
  const differences = await verifyOnnx(folder, model, samplesFor(model, texts));
  const maxDifference = Math.max(...graphs.map((name) => differences[onnxPath(name, false)]!));
  if (classes) {
    await writeClassifier(folder, model, classes);
    files.push(classifierFile);
  }
  await writeCard(folder, model, card, { classes, folded: fold, maxDifference });
  return { files: ['README.md', ...files, ...weights], maxDifference, differences };
}

function classesOf(model: TowerModel, { classes, templates, weights }: ExportOptions): Classes | undefined {
  if (!model.projector) {
    const own = templates ? { templates, weights } : { ...usualTemplates(model), ...(weights && { weights }) };
    return classes && { names: classes, ...own };
  }
  if (templates || weights) {
    throw new UserError('a visual student has its class features from its teacher: leave the templates out');
  }
  return { names: classes ?? model.classes!.names, templates: ['{}'] };
}
