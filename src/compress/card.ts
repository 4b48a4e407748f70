import { join } from 'node:path';
import { familyOf } from '../clip/index.js';
import { readLines, writeFileAtomic } from '../files/index.js';
import { parameterCount, type TowerModel, textLimit, usualTemplates } from '../model/index.js';
import { count, type ModelMetrics, percent } from '../report/index.js';
import { imagesSection } from './card-images.js';
import type { Classes } from './classifier.js';
import { code, codeBlock, inCode, plain, unescaped } from './markdown.js';

/** What the model card says beside what the model itself shows. What is left out is said to be unknown. */
export interface ModelCard {
  /** Title. @defaultValue the folder's name */
  readonly name?: string;
  /** What it was trained on: a sentence or two, or a data set and its split. */
  readonly data?: string | { readonly dataset: string; readonly split: string };
  /** SPDX id of the weights' licence, e.g. `cc-by-sa-4.0`. @defaultValue what the card of the model that is exported names */
  readonly licence?: string;
  /** The recipe as run, YAML. */
  readonly recipe?: string;
  /** Figures by model, as in `metrics.json`. */
  readonly metrics?: Readonly<Record<string, ModelMetrics>>;
}

export interface CardFacts {
  readonly classes?: Classes;
  readonly folded: boolean;
  readonly maxDifference: number;
}

/** Writes the model card, `README.md`, with the front matter that the Hugging Face hub reads. */
export async function writeCard(folder: string, model: TowerModel, card: ModelCard, facts: CardFacts): Promise<void> {
  const { name, licence } = card;
  const text = [
    [
      '---',
      ...(licence ? [`license: ${/^[\w.+-]+$/.test(licence) ? licence : JSON.stringify(licence)}`] : []),
      ...FRONT,
      '---',
    ].join('\n'),
    `# ${plain(name ?? '')}`,
    about(model),
    ...prompts(model, facts.folded),
    ...visual(model),
    usage(model, pipelineTemplate(facts.classes?.templates ?? usualTemplates(model).templates)),
    imagesSection(model.preprocess),
    ...(facts.classes ? [classifier(model, facts.classes)] : []),
    ...(card.metrics ? [`## Figures\n\n${figures(card.metrics)}`] : []),
    `## Data\n\n${data(card.data)}`,
    `## Recipe\n\n${card.recipe ? codeBlock(card.recipe.trim(), 'yaml') : 'Not recorded.'}`,
    `## Licence\n\n${licence ? plain(licence) : 'Not stated: ask who made it before you use it.'}`,
    `## Checked\n\nEvery ONNX file was run in ONNX Runtime when it was written. The float32 files differ from the training engine's own embeddings by at most ${facts.maxDifference.toExponential(1)}.`,
  ];
  await writeFileAtomic(join(folder, 'README.md'), `${text.join('\n\n')}\n`);
}

/**
 * The title of a model card, `README.md`, as an export writes it.
 *
 * @returns undefined where there is no card, or it has no title
 */
export async function cardTitle(folder: string): Promise<string | undefined> {
  const card = (await readLines(join(folder, 'README.md'))) ?? [];
  const title = card.find((line) => line.startsWith('# '))?.slice(2);
  return (title && unescaped(title).trim()) || undefined;
}

/**
 * The licence that a model card, `README.md`, names in its front matter: whoever shares what was made of the weights has to know.
 *
 * @returns undefined where there is no card, or it names none
 */
export async function cardLicence(folder: string): Promise<string | undefined> {
  const [first, ...rest] = (await readLines(join(folder, 'README.md'))) ?? [];
  if (first?.trim() !== '---') return undefined;
  const front = rest.slice(0, rest.indexOf('---'));
  const [, licence] = front.map((line) => /^license: *["']?([\w.+-]+)["']? *$/.exec(line)).find((found) => found) ?? [];
  return licence;
}

const FRONT = [
  'library_name: transformers.js',
  'pipeline_tag: zero-shot-image-classification',
  'tags: [clip, onnx, distillation, promptkd]',
];

function data(from: ModelCard['data']): string {
  if (from === undefined) return 'Not recorded.';
  return typeof from === 'string' ? plain(from) : `Data set ${code(from.dataset)}, split ${code(from.split)}.`;
}

function about(model: TowerModel): string {
  const { config } = model;
  const { vision_config: vision, text_config: text } = config;
  return (
    `A ${familyOf(config).name} model of ${count(parameterCount(model)!)} parameters: a vision tower of ${vision.num_hidden_layers} layers of width ` +
    `${vision.hidden_size} on ${vision.image_size}×${vision.image_size} pixels in patches of ${vision.patch_size}, a text tower of ` +
    `${text.num_hidden_layers} layers of width ${text.hidden_size}, and ${config.projection_dim} joint dimensions. Made with promptkd.`
  );
}

function prompts({ config, prompts }: TowerModel, folded: boolean): string[] {
  if (!prompts?.encoder) return [];
  const { n_ctx, vision_layers, text_layers } = prompts.config;
  return [
    `## Prompts

This student was trained with prompts: ${n_ctx} vectors a layer in ${vision_layers} layers of the vision tower, the same for every image, and in ${text_layers} layers of the text tower, made from each text by a small prompt encoder. The ONNX files have them inside${folded && vision_layers > 0 ? ', the vision prompts folded into constant keys and values where that changes nothing' : ''}: feed images and texts as to any ${familyOf(config).name} model.

\`config.json\` and \`model.safetensors\` hold the two towers alone, a plain ${familyOf(config).name} checkpoint that PyTorch loads. Without the prompts (\`prompt_encoder.safetensors\`) it is **not** the student as trained, and its figures are not those of this card.`,
  ];
}

function visual({ config, projector, classes }: TowerModel): string[] {
  if (!projector || !classes) return [];
  return [
    `## Visual student

Distilled as PromptKD of CVPR 2024: this frozen ${familyOf(config).name} model learned deep visual prompts and a projector into its teacher's joint space of ${classes.features.shape[1]} dimensions. It tells apart the ${classes.names.length} classes of \`classifier.safetensors\`, whose features are its teacher's; it reads no other texts. \`onnx/vision_model.onnx\` has prompts and projector inside.

\`config.json\` and \`model.safetensors\` are the frozen model alone, as it was before. Without \`visual_student.safetensors\` it is **not** the student as trained.`,
  ];
}

/** A template as Transformers.js' pipeline takes it; names with their articles (`a cat`) stand for `[OBJ]`. */
function pipelineTemplate(templates: readonly string[]): string {
  const plain = templates.map((template) => template.replaceAll('[OBJ]', '{}'));
  return plain.find((template) => template.includes('{}') && !template.includes('[')) ?? '{}';
}

function usage(model: TowerModel, template: string): string {
  if (model.projector) return visionUsage(model);
  const { image_size: size } = model.config.vision_config;
  const { outputs, modelClass } = familyOf(model.config);
  return `## Use

Transformers.js, with this folder as \`models/NAME\`:

\`\`\`js
import { env, pipeline } from '@huggingface/transformers';

env.localModelPath = 'models/';
const classify = await pipeline('zero-shot-image-classification', 'NAME', { dtype: 'fp32' });
console.log(await classify('image.png', ['a cat', 'a house'], { hypothesis_template: ${inCode(JSON.stringify(template))} }));
\`\`\`

ONNX Runtime, in any language: \`onnx/vision_model.onnx\` takes \`pixel_values\` [batch, 3, ${size}, ${size}] (\`preprocessor_config.json\` says how images become that) and gives \`${outputs.image}\`; \`onnx/text_model.onnx\` takes \`input_ids\` [batch, sequence] and gives \`${outputs.text}\`. Bring both to unit length before you compare them. A text may have ${textLimit(model)} tokens with its start and end token. The \`_fp16\` files are half as large and run on the CPU too.

PyTorch: \`transformers.${modelClass}.from_pretrained('models/NAME')\`.`;
}

function visionUsage({ config }: TowerModel): string {
  const { image_size: size } = config.vision_config;
  const { outputs, visionClass } = familyOf(config);
  return `## Use

ONNX Runtime, in any language, or \`${visionClass}\` of Transformers.js: \`onnx/vision_model.onnx\` takes \`pixel_values\` [batch, 3, ${size}, ${size}] (\`preprocessor_config.json\` says how images become that) and gives \`${outputs.image}\`. Bring them to unit length before you compare them with the classifier's rows. The \`_fp16\` file is half as large and runs on the CPU too.`;
}

function classifier({ config, params, projector }: TowerModel, { names, templates }: Classes): string {
  const { image } = familyOf(config).outputs;
  const forms = templates.map(code).join(', ');
  const biased = params.logit_bias !== undefined && !projector;
  const [held, formula, read] = biased
    ? [
        ', `logit_scale` and `logit_bias`',
        ' + logit_bias',
        ' The sigmoid of a logit says how likely the image shows that class; the largest logit is the class to choose.',
      ]
    : [' and `logit_scale`', '', ''];
  return `## Classifier

\`classifier.safetensors\` holds the text features of ${names.length} classes (${forms})${held}: with it only the vision model is needed. logits = exp(logit_scale) · ${image} / ‖${image}‖ · text_featuresᵀ${formula}.${read} Their names stand in the file's metadata.`;
}

function figures(metrics: Readonly<Record<string, ModelMetrics>>): string {
  const models = Object.entries(metrics);
  const share = (fraction: number) => `${percent(fraction)} %`;
  const rows: [name: string, cell: (m: ModelMetrics) => string][] = [
    [
      'top-1',
      (m) => `${share(m.top1)}${m.top1_interval ? ` (${m.top1_interval.map((x) => percent(x)).join('–')})` : ''}`,
    ],
    ['top-5', (m) => share(m.top5)],
    ['R@1 image → text', (m) => share(m.r1_image_to_text)],
    ['R@1 text → image', (m) => share(m.r1_text_to_image)],
    ['parameters', (m) => count(m.params)],
    ['latency, one image', (m) => `${m.latency_ms.toFixed(1)} ms`],
    ['images seen', (m) => m.images_seen.toLocaleString('en-GB')],
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...models.map(([name]) => plain(name))]),
    line(['---', ...models.map(() => '---:')]),
    ...rows.map(([name, cell]) => line([name, ...models.map(([, m]) => cell(m))])),
  ].join('\n');
}
