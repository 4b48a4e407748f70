import { join } from 'node:path';
import { readLines, writeFileAtomic } from '../files/index.js';
import { countParameters } from '../prompt/index.js';
import { count, type ModelMetrics, percent } from '../report/index.js';
import type { Classes } from './classifier.js';
import { maxTextLength, type Student } from './student.js';

/** What the model card says beside what the model itself shows. What is left out is said to be unknown. */
export interface ModelCard {
  /** Title. @defaultValue the folder's name */
  readonly name?: string;
  /** What it was trained on, in a sentence or two of Markdown. */
  readonly data?: string;
  /** SPDX id of the weights' licence, e.g. `cc-by-sa-4.0`. */
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
export async function writeCard(folder: string, student: Student, card: ModelCard, facts: CardFacts): Promise<void> {
  const { name, licence } = card;
  const text = [
    ['---', ...(licence ? [`license: ${licence}`] : []), ...FRONT, '---'].join('\n'),
    `# ${name}`,
    about(student),
    ...prompts(student, facts.folded),
    ...visual(student),
    usage(student, facts.classes?.templates.find((template) => template.includes('{}')) ?? '{}'),
    ...(facts.classes ? [classifier(facts.classes)] : []),
    ...(card.metrics ? [`## Figures\n\n${figures(card.metrics)}`] : []),
    `## Data\n\n${card.data ?? 'Not recorded.'}`,
    `## Recipe\n\n${card.recipe ? `\`\`\`yaml\n${card.recipe.trim()}\n\`\`\`` : 'Not recorded.'}`,
    `## Licence\n\n${licence ?? 'Not stated: ask who made it before you use it.'}`,
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
  return (
    card
      .find((line) => line.startsWith('# '))
      ?.slice(2)
      .trim() || undefined
  );
}

const FRONT = [
  'library_name: transformers.js',
  'pipeline_tag: zero-shot-image-classification',
  'tags: [clip, onnx, distillation, promptkd]',
];

function about(student: Student): string {
  const { config, params } = student.checkpoint;
  const { vision_config: vision, text_config: text } = config;
  const towers = countParameters(params);
  const { prompts, visual } = student;
  const parts = [prompts?.encoder, prompts?.vision, visual?.prompts, visual?.projector];
  const more = parts.reduce((sum, part) => sum + countParameters(part ?? {}), 0);
  return (
    `A CLIP model of ${count(towers + more)} parameters: a vision tower of ${vision.num_hidden_layers} layers of width ` +
    `${vision.hidden_size} on ${vision.image_size}×${vision.image_size} pixels in patches of ${vision.patch_size}, a text tower of ` +
    `${text.num_hidden_layers} layers of width ${text.hidden_size}, and ${config.projection_dim} joint dimensions. Made with promptkd.`
  );
}

function prompts({ prompts }: Student, folded: boolean): string[] {
  if (!prompts) return [];
  const { n_ctx, vision_layers, text_layers } = prompts.config;
  return [
    `## Prompts

This student was trained with prompts: ${n_ctx} vectors a layer in ${vision_layers} layers of the vision tower, the same for every image, and in ${text_layers} layers of the text tower, made from each text by a small prompt encoder. The ONNX files have them inside${folded && vision_layers > 0 ? ', the vision prompts folded into constant keys and values where that changes nothing' : ''}: feed pictures and texts as to any CLIP model.

\`config.json\` and \`model.safetensors\` hold the two towers alone, a plain CLIP checkpoint that PyTorch loads. Without the prompts (\`prompt_encoder.safetensors\`) it is **not** the student as trained, and its figures are not those of this card.`,
  ];
}

function visual({ visual }: Student): string[] {
  if (!visual) return [];
  return [
    `## Visual student

Distilled as PromptKD of CVPR 2024: this frozen CLIP model learned deep visual prompts and a projector into its teacher's joint space of ${visual.texts.shape[1]} dimensions. It tells apart the ${visual.classes.length} classes of \`classifier.safetensors\`, whose features are its teacher's; it reads no other texts. \`onnx/vision_model.onnx\` has prompts and projector inside.

\`config.json\` and \`model.safetensors\` are the frozen model alone, as it was before. Without \`visual_student.safetensors\` it is **not** the student as trained.`,
  ];
}

function usage(student: Student, template: string): string {
  if (student.visual) return visionUsage(student);
  const { image_size: size } = student.checkpoint.config.vision_config;
  return `## Use

Transformers.js, with this folder as \`models/NAME\`:

\`\`\`js
import { env, pipeline } from '@huggingface/transformers';

env.localModelPath = 'models/';
const classify = await pipeline('zero-shot-image-classification', 'NAME', { dtype: 'fp32' });
console.log(await classify('picture.png', ['a cat', 'a house'], { hypothesis_template: ${JSON.stringify(template)} }));
\`\`\`

Its image processor shrinks pictures by another kernel than PyTorch's (Pillow's bicubic): embeddings of large pictures differ a little.

ONNX Runtime, in any language: \`onnx/vision_model.onnx\` takes \`pixel_values\` [batch, 3, ${size}, ${size}] (\`preprocessor_config.json\` says how pictures become that) and gives \`image_embeds\`; \`onnx/text_model.onnx\` takes \`input_ids\` [batch, sequence] and gives \`text_embeds\`. Bring both to unit length before you compare them. A text may have ${maxTextLength(student)} tokens with its start and end token. The \`_fp16\` files are half as large and run on the CPU too.

PyTorch: \`transformers.CLIPModel.from_pretrained('models/NAME')\`.`;
}

function visionUsage({ checkpoint }: Student): string {
  const { image_size: size } = checkpoint.config.vision_config;
  return `## Use

ONNX Runtime, in any language, or \`CLIPVisionModelWithProjection\` of Transformers.js: \`onnx/vision_model.onnx\` takes \`pixel_values\` [batch, 3, ${size}, ${size}] (\`preprocessor_config.json\` says how pictures become that) and gives \`image_embeds\`. Bring them to unit length before you compare them with the classifier's rows. The \`_fp16\` file is half as large and runs on the CPU too.`;
}

function classifier({ names, templates }: Classes): string {
  const forms = templates.map((template) => `\`${template}\``).join(', ');
  return `## Classifier

\`classifier.safetensors\` holds the text features of ${names.length} classes (${forms}) and \`logit_scale\`: with it only the vision model is needed. logits = exp(logit_scale) · image_embeds / ‖image_embeds‖ · text_featuresᵀ. Their names stand in the file's metadata.`;
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
    line(['', ...models.map(([name]) => name)]),
    line(['---', ...models.map(() => '---:')]),
    ...rows.map(([name, cell]) => line([name, ...models.map(([, m]) => cell(m))])),
  ].join('\n');
}
