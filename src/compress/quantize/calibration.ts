import { type TokenizedTexts, tokenizeAll } from '../../clip/index.js';
import { examplesOf, type ImageTextDataset, isLabelled, type Skipped } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { candidateClasses } from '../../evaluate/index.js';
import { datasetPixels } from '../../loader/index.js';
import { Random } from '../../math/index.js';
import { type TowerModel, textLimit, usualTemplates } from '../../model/index.js';
import { classText } from '../../prompt/index.js';
import type { HostTensor } from '../../tensor/index.js';

/** What a student is calibrated and compared on. */
export interface Calibration {
  /** [N, 3, S, S], as the student's preprocessing makes them. */
  readonly pixels: HostTensor<Float32Array>;
  /** Images drawn that cannot be read, and so are not among them. */
  readonly skipped: readonly Skipped[];
  /** The class of each image, as an index of `texts`. */
  readonly labels: readonly number[];
  /** One text a class. */
  readonly texts: TokenizedTexts;
  /** Those and the images' captions: all kinds of text that the student reads. */
  readonly allTexts: TokenizedTexts;
}

export interface CalibrationOptions {
  /** Images; fewer where the split has fewer. @defaultValue as many as make 40,000 patches, 128 to 1,024 */
  readonly images?: number;
  /** Most classes, those of the images first. */
  readonly classes?: number;
  readonly split?: string;
  /** `{}` or `[OBJ]` stands for the class name. @defaultValue the first of `usualTemplates` */
  readonly template?: string;
  readonly seed?: number;
}

/**
 * Images drawn from a split, and the texts of its classes.
 *
 * @throws UserError where the split is unknown, or its data have no classes.
 */
export async function loadCalibration(
  student: TowerModel,
  dataset: ImageTextDataset,
  {
    images = enoughImages(student),
    classes = 256,
    split = 'train',
    template = usualTemplates(student, dataset).templates[0]!,
    seed = 0,
  }: CalibrationOptions = {},
): Promise<Calibration> {
  const labelled = examplesOf(dataset, split).filter(isLabelled);
  if (labelled.length === 0) {
    throw new UserError(
      `${dataset.name}: expected images with classes in the split ${split} to calibrate on, got none`,
    );
  }
  const drawn = new Random(seed, 'calibration').shuffle(labelled).slice(0, images);
  const { preprocess, tokenizer } = student;
  const { pixels, examples: chosen, skipped } = await datasetPixels(dataset, drawn, preprocess);
  if (chosen.length === 0) {
    throw new UserError(
      `${dataset.name}: expected images to calibrate on, none of the ${drawn.length} drawn from ${split} can be read; the first: ${skipped[0]!.reason}`,
    );
  }
  const own = [...new Set(chosen.map(({ label }) => label))];
  const all = [...new Set([...own, ...candidateClasses(dataset, labelled)])].slice(0, Math.max(classes, own.length));
  const names = all.map((label) => classText(template, dataset.classes[label]!.name));
  const captions = chosen.flatMap(({ captions }) => captions);
  return {
    pixels,
    skipped,
    labels: chosen.map(({ label }) => all.indexOf(label)),
    texts: tokenizeAll(tokenizer, names, textLimit(student)),
    allTexts: tokenizeAll(tokenizer, [...new Set([...names, ...captions])], textLimit(student)),
  };
}

/** As many images as have patches enough for the moments of what a large tower's layers are fed. */
/** Images that are drawn where nobody says how many. */
export function enoughImages({ config }: TowerModel): number {
  const { image_size: size, patch_size: patch } = config.vision_config;
  return Math.round(Math.min(1024, Math.max(128, 40_000 / (size / patch) ** 2)));
}
