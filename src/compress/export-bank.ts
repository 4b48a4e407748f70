import { basename, join, resolve } from 'node:path';
import {
  type Bank,
  bankBlocks,
  bankConfig,
  bankEmbeds,
  bankExportGraph,
  bankLogitFactor,
  bankModel,
  bankTextLimit,
  bankWeights,
} from '../bank/index.js';
import { familyOf, saveDescription, tokenizeAll } from '../clip/index.js';
import { classFeatures, embedTexts } from '../evaluate/index.js';
import { fillFolder, writeFileAtomic } from '../files/index.js';
import { dots, type Rows, toUnitRows } from '../math/index.js';
import { classifierFile, graphNames, modelParts } from '../model/index.js';
import { checkTemplates, classText } from '../prompt/index.js';
import { compile, OnnxFile } from '../runtime/index.js';
import { type HostTensor, input, toOnnx } from '../tensor/index.js';
import { checkClasses, saveClassifier } from './classifier.js';
import type { ExportResult } from './export.js';
import { plain } from './markdown.js';
import { onnxPath } from './onnx-files.js';
import { difference, samplesFor, TOLERANCE } from './verify.js';

/** Options of {@link exportBank}. */
export interface BankExportOptions {
  /** With prompts of its tasks' own: of another bank, export its model. */
  readonly bank: Bank;
  /** Folder that is written; files of the same names are replaced. */
  readonly out: string;
  /** Class names whose text features are written. @defaultValue those of all tasks */
  readonly classes?: readonly string[];
  /** @defaultValue the bank's */
  readonly templates?: readonly string[];
  readonly weights?: readonly number[];
  readonly name?: string;
}

/**
 * Writes a bank as a folder that Transformers.js and ONNX Runtime load, routing inside its graphs: see `bankExportGraph`.
 * Weights stay float32, as rounded ones would route otherwise. Every file is then run and compared with the engine.
 *
 * @throws UserError where classes do not fit, and Error where a written file differs from the engine
 */
export async function exportBank({ bank, out, name, weights, ...options }: BankExportOptions): Promise<ExportResult> {
  const classes = options.classes ?? [...new Set(bank.tasks.flatMap((task) => task.classes))];
  const templates = options.templates ?? bank.templates;
  checkClasses({ names: classes, templates, weights });
  checkTemplates(templates, weights);
  // What an earlier export left would contradict this one.
  const earlier = ['model.safetensors', 'quantized.safetensors', ...graphNames.map((graph) => onnxPath(graph, true))];
  return fillFolder(out, [...modelParts, ...earlier], async (unfinished) => {
    const files = await saveDescription(unfinished, { ...bank.frozen, config: bankConfig(bank) });
    for (const graph of graphNames) {
      const { parts } = toOnnx({ outputs: bankExportGraph(graph, bank), initializers: bankWeights(bank) });
      await writeFileAtomic(join(unfinished, onnxPath(graph, false)), parts);
      files.push(onnxPath(graph, false));
    }
    const differences = await compareWithEngine(bank, unfinished);
    await writeClasses(bank, unfinished, classes, templates, weights);
    await writeFileAtomic(join(unfinished, 'README.md'), card(bank, name ?? basename(resolve(out))));
    return {
      files: [classifierFile, 'README.md', ...files],
      maxDifference: Math.max(...Object.values(differences)),
      differences,
    };
  });
}

/** Runs every file on a few images and texts, and compares it with the engine. */
async function compareWithEngine(bank: Bank, out: string): Promise<Record<string, number>> {
  const { frozen } = bank;
  const { outputs } = familyOf(frozen.config);
  const { pixels } = samplesFor(frozen, ['red']);
  const words = ['a cat', 'two small houses under a tree', 'red'];
  const { ids: tokens, ends, length } = tokenizeAll(frozen.tokenizer, words, bankTextLimit(bank));
  const count = words.length;
  const ids = { shape: [count, length], data: tokens };
  const mask = ids.data.map((_, i) => (i % length <= ends[Math.floor(i / length)]! ? 1 : 0));
  const engine = await compile(
    {
      outputs: bankEmbeds(
        bank,
        input('pixels', pixels.shape),
        input('ids', ids.shape, 'int32'),
        input('ends', [count], 'int32'),
      ),
    },
    { fixed: bankWeights(bank) },
  );
  const made = await engine.run({ pixels, ids, ends: { shape: [count], data: ends } });
  const [images, texts] = [made.images!, made.texts!].map(({ shape, data }) => ({
    shape,
    data: data.slice() as Float32Array,
  }));
  await engine.dispose();
  const width = images!.shape[1]!;
  const rows = ({ shape, data }: HostTensor<Float32Array>): Rows =>
    toUnitRows({ data: data.slice(), count: shape[0]!, width });
  const [unitImages, unitTexts] = [rows(images!), rows(texts!)];
  const factor = bankLogitFactor(bank);
  const bias = frozen.params.logit_bias?.data[0] ?? 0;
  const logits = Array.from({ length: unitImages.count }, (_, i) =>
    [...dots(unitImages, i, unitTexts, new Float64Array(unitTexts.count))].map((cosine) => factor * cosine + bias),
  ).flat();
  const expected: readonly [(typeof graphNames)[number], string, ArrayLike<number>][] = [
    ['vision_model', outputs.image, images!.data],
    ['text_model', outputs.text, texts!.data],
    ['model', 'logits_per_image', logits],
  ];
  const feeds = { pixel_values: pixels, input_ids: ids, attention_mask: { shape: ids.shape, data: mask } };
  const differences: Record<string, number> = {};
  for (const [graph, output, values] of expected) {
    const file = onnxPath(graph, false);
    const opened = await OnnxFile.open(join(out, file));
    try {
      differences[file] = difference((await opened.run(feeds))[output]!.data, values);
    } finally {
      await opened.dispose();
    }
    // Written so that NaN is refused too.
    if (!(differences[file]! <= TOLERANCE)) {
      throw new Error(`${join(out, file)}: differs from the engine by ${differences[file]}, more than ${TOLERANCE}`);
    }
  }
  return differences;
}

/** `classifier.safetensors` with the wide features of the classes, as `writeClassifier` has it of a model. */
async function writeClasses(
  bank: Bank,
  out: string,
  names: readonly string[],
  templates: readonly string[],
  weights?: readonly number[],
): Promise<void> {
  const model = await bankModel(bank);
  try {
    const texts = names.flatMap((name) => templates.map((template) => classText(template, name)));
    const { data, width } = classFeatures(
      await embedTexts(model, texts),
      names.map((_, c) => templates.map((_, k) => c * templates.length + k)),
      weights,
    );
    const tensors = {
      text_features: { shape: [names.length, width], data },
      logit_scale: { shape: [], data: Float32Array.of(Math.log(bankLogitFactor(bank))) },
      ...(bank.frozen.params.logit_bias && { logit_bias: bank.frozen.params.logit_bias }),
    };
    await saveClassifier(out, tensors, { names, templates, weights });
  } finally {
    await model.encoders?.dispose();
  }
}

function card(bank: Bank, name: string): string {
  const { tasks, frozen } = bank;
  const blocks = bankBlocks(bank);
  return [
    `# ${plain(name)}`,
    `A prompt memory bank of ${tasks.length} tasks over one frozen student, exported by promptkd.`,
    '| task | classes |\n| --- | ---: |\n' +
      tasks.map((task) => `| ${plain(task.name)} | ${task.classes.length} |`).join('\n'),
    bank.routing === 'mixture'
      ? 'Each image gets a mixture of all tasks’ prompts, made of its own features. Routing stands in the graphs.'
      : `Routing stands in the graphs: each image is taken for the task that it is nearest to, or for none, by its own features alone. Embeddings are ${blocks} × ${frozen.config.projection_dim} numbers: an image’s stand in the block of its task and are 0 elsewhere, a text has features in every block, so that an inner product compares both as the image’s task sees them. \`vision_model.onnx\` also gives \`task\`, the place of the task above (${tasks.length}: none), and \`task_scores\`.`,
    '`classifier.safetensors` holds the classes’ `text_features` and `logit_scale`: logits are exp(logit_scale) · cosines.',
    '',
  ].join('\n\n');
}
