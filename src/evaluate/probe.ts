import { type Example, examplesOf, type ImageTextDataset, isLabelled } from '../data/index.js';
import { UserError } from '../errors.js';
import { KeptPixels } from '../loader/index.js';
import { Random } from '../math/index.js';
import { logitFactor, type Model } from '../model/index.js';
import { classText } from '../prompt/index.js';
import { candidateClasses } from './candidate-classes.js';
import { block, type EmbedOptions, embedPixels, embedTexts } from './embed.js';
import { retrieval } from './retrieval.js';
import { classFeatures, topClasses, zeroShotAccuracy } from './zero-shot.js';

/** Options of {@link Probe}. */
export interface ProbeOptions {
  readonly split: string;
  /** Images looked at, drawn by lot, the same each time; fewer where the split has fewer, or some cannot be read. */
  readonly images: number;
  /** Texts of a class, `{}` or `[OBJ]` standing for its name; a class is the mean of its texts. */
  readonly templates: readonly string[];
  /** Of the templates in that mean. */
  readonly weights?: readonly number[];
}

/** Shares, as `evaluateModel` has them. */
export interface ProbeFigures {
  readonly top1?: number;
  readonly top5?: number;
  readonly r1_image_to_text?: number;
  readonly r5_image_to_text?: number;
  readonly r1_text_to_image?: number;
  readonly r5_text_to_image?: number;
}

/**
 * A quick look at a model while it trains: the same few images each time, top-1 and top-5 where their classes are known,
 * R@1 and R@5 where there are captions alone. On the same images the figures are those of `evaluateModel`.
 */
export class Probe {
  /** What guessing reaches: of top-1, one of the classes; of R@1, one of the images. */
  readonly chance: number;
  /** Classes that an answer is chosen from. */
  private readonly labels: readonly number[];

  private constructor(
    private readonly dataset: ImageTextDataset,
    private readonly options: ProbeOptions,
    private readonly pixels: KeptPixels,
  ) {
    const labelled = examplesOf(dataset, options.split).filter(isLabelled);
    this.labels = labelled.length > 0 ? candidateClasses(dataset, labelled) : [];
    this.chance = 1 / (this.labels.length || this.images);
  }

  /**
   * Reads the images.
   *
   * @param model whose preprocessing they are given
   * @throws UserError where none can be read
   */
  static async open(
    dataset: ImageTextDataset,
    { preprocess }: Pick<Model, 'preprocess'>,
    options: ProbeOptions,
  ): Promise<Probe> {
    const all = examplesOf(dataset, options.split);
    const labelled = all.filter(isLabelled);
    const measured = labelled.length > 0 ? labelled : all.filter(({ captions }) => captions.length > 0);
    const drawn = new Random('probe').shuffle(measured).slice(0, options.images);
    const pixels = await KeptPixels.read<Example>(dataset, drawn, preprocess, block);
    const [fault] = pixels.skipped;
    if (pixels.examples.length === 0) {
      throw new UserError(
        fault
          ? `${dataset.name}: none of the ${drawn.length} images drawn from ${options.split} can be read; the first: ${fault.reason}`
          : `${dataset.name}: the images of ${options.split} have neither classes nor captions to measure by`,
      );
    }
    return new Probe(dataset, options, pixels);
  }

  /** Images that are looked at. */
  get images(): number {
    return this.pixels.examples.length;
  }

  /** @throws the signal's reason where it is aborted */
  async measure(model: Model, engine: EmbedOptions = {}): Promise<ProbeFigures> {
    const rows = await embedPixels(model, this.pixels, this.images, engine);
    return this.labels.length > 0 ? this.zeroShot(model, rows, engine) : this.recall(model, rows, engine);
  }

  private async zeroShot(model: Model, rows: Awaited<ReturnType<typeof embedPixels>>, engine: EmbedOptions) {
    const { templates, weights } = this.options;
    const texts = this.labels.flatMap((label) =>
      templates.map((template) => classText(template, this.dataset.classes[label]!.name)),
    );
    const lists = this.labels.map((_, c) => templates.map((_, t) => c * templates.length + t));
    const classes = classFeatures(await embedTexts(model, texts, engine), lists, weights);
    const scale = logitFactor(model);
    const predictions = this.pixels.examples.filter(isLabelled).map(({ id, label }, row) => ({
      ...{ id, label },
      top: topClasses(rows, row, classes, this.labels, scale, 5),
    }));
    const { top1, top5 } = zeroShotAccuracy(predictions);
    return { top1: top1.value, top5: top5.value };
  }

  private async recall(model: Model, rows: Awaited<ReturnType<typeof embedPixels>>, engine: EmbedOptions) {
    const { examples } = this.pixels;
    let next = 0;
    const lists = examples.map(({ captions }) => captions.map(() => next++));
    const texts = await embedTexts(
      model,
      examples.flatMap(({ captions }) => captions),
      engine,
    );
    const { imageToText, textToImage } = await retrieval(rows, texts, lists);
    return {
      ...{ r1_image_to_text: imageToText.r1.value, r5_image_to_text: imageToText.r5.value },
      ...{ r1_text_to_image: textToImage.r1.value, r5_text_to_image: textToImage.r5.value },
    };
  }
}
