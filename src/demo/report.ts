import { availableParallelism, cpus } from 'node:os';
import sharp from 'sharp';
import { clipPreprocess } from '../clip/index.js';
import { examplesOf, type LabelledExample, labelledOf } from '../data/index.js';
import { type DistillResult, distillLosses } from '../distill/index.js';

import { squareRgb, wholeImage } from '../loader/index.js';
import { Random } from '../math/index.js';
import { type ArtistAccuracy, type ExampleCard, lossCurves, phaseSpans, type ReportData } from '../report/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { type ClassAttention, classAttention } from './attention.js';
import { chanceLevels, novelClasses } from './chance.js';
import type { Measured, Measures } from './measure.js';

export interface ReportSource extends Pick<Measures, 'dataset' | 'captions'> {
  /** Trained on. */
  readonly images: number;
  readonly measured: readonly Measured[];
  readonly histories: readonly { readonly model: string; readonly entries: DistillResult['history'] }[];
  /** The recipe as run, YAML. */
  readonly recipe: string;
  readonly seed: number;
}

/** Images shown, chosen at random. */
const shown = 12;
/** Side of a shown image, in pixels. */
const imageSize = 96;

const phaseNames = { warmup: 'Warm-up', prompt: 'Prompt encoder', joint: 'Student and prompts' };

/** All that the report page shows of a comparison. */
export async function reportData(source: ReportSource, options: CompileOptions): Promise<ReportData> {
  const { dataset, captions, measured, histories, recipe, seed } = source;
  const [teacher] = measured;
  const count = (n: number) => n.toLocaleString('en-GB');
  const cores = availableParallelism();
  const prompted = histories.at(-1)!;
  const evaluation = teacher!.evaluation;
  const unseen = novelClasses(dataset);
  const novel = unseen ? ` ${count(unseen)} novel classes were kept out of the training.` : '';
  const retrieval = captions
    ? ` Retrieval is among ${count(examplesOf(captions, evaluation.split).length)} images of ${captions.name} and all their captions.`
    : '';
  return {
    title: 'One teacher, distilled twice',
    summary: `A CLIP teacher that tells ${evaluation.classes} classes apart taught two students of the same size on the same images: one by its answers alone (plain KD), one by PromptKD’s dynamic prompts, features and attention. All were measured on ${count(evaluation.images)} images that none of them saw in training.${novel}${retrieval}`,
    facts: [
      ['Data', `${dataset.name}, ${count(source.images)} training images`],
      ['Seed', String(seed)],
      ['Machine', `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`],
      ['Date', new Date().toISOString().slice(0, 10)],
    ],
    models: measured.map(({ summary }) => summary),
    chance: chanceLevels(source, evaluation.split, evaluation.classes),
    curves: lossCurves(histories, distillLosses, phaseNames),
    curveUnit: 'training step',
    phases: { model: prompted.model, spans: phaseSpans(prompted, phaseNames) },
    examples: await exampleCards(source, options),
    artists: artistAccuracies(measured),
    recipe,
  };
}

async function exampleCards(
  { dataset, measured, seed }: ReportSource,
  options: CompileOptions,
): Promise<ExampleCard[]> {
  const split = measured[0]!.evaluation.split;
  const chosen = new Random(seed, 'report').shuffle(labelledOf(dataset, split)).slice(0, shown);
  const images = await Promise.all(chosen.map((example) => wholeImage(dataset, example)));
  const answers = measured.map(({ name, evaluation }) => ({
    name,
    top: new Map(evaluation.predictions.map(({ id, top }) => [id, top])),
  }));
  const attention: (ClassAttention & { name: string })[] = [];
  for (const { name, model } of measured) attention.push({ name, ...(await classAttention(model, images, options)) });
  const card = async (example: LabelledExample, i: number): Promise<ExampleCard> => ({
    png: await sharp(squareRgb(images[i]!, clipPreprocess(imageSize)), {
      raw: { width: imageSize, height: imageSize, channels: 3 },
    })
      .png()
      .toBuffer(),
    truth: dataset.classes[example.label]!.name,
    artist: example.artist,
    answers: answers.map(({ name, top }) => ({
      model: name,
      top: top
        .get(example.id)!
        .slice(0, 3)
        .map(({ label, probability }) => ({ label: dataset.classes[label]!.name, probability })),
    })),
    attention: attention.map(({ name, grid, maps }) => ({ model: name, grid, weights: maps[i]! })),
  });
  return Promise.all(chosen.map(card));
}

function artistAccuracies(measured: readonly Measured[]): ArtistAccuracy[] {
  return measured[0]!.evaluation.artists.map(({ artist, images, unseen }) => ({
    artist,
    images,
    unseen,
    accuracy: Object.fromEntries(
      measured.map(({ name, evaluation }) => [name, evaluation.artists.find((a) => a.artist === artist)!.top1]),
    ),
  }));
}
