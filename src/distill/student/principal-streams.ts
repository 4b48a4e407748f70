import { type ClipConfig, tokenizeAll } from '../../clip/index.js';
import { examplesOf, type ImageTextDataset } from '../../data/index.js';
import type { LoaderOptions } from '../../loader/index.js';
import { ViewBatches } from '../../loader/index.js';
import { trainingTemplates, withClassCaptions } from '../../prompt/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import { listTexts } from '../batches/text-bank.js';
import type { DistillRecipe } from '../recipe.js';
import { imagesAtATime, type Teacher } from '../teacher/teacher.js';
import { principalStream } from './principal-stream.js';
import type { Streams } from './residual-stream.js';
import { imageMoments, textMoments } from './stream-moments.js';

/** What a student is distilled on. */
export interface TrainingData {
  /** The part that the recipe trains on: see `withSubset`. */
  readonly dataset: ImageTextDataset;
  readonly loader?: LoaderOptions;
  readonly compile?: CompileOptions;
}

const enoughTexts = 1_024;

/** The principal components of a teacher's residual streams over the images and texts of a recipe, as wide as a student's. */
export async function principalStreams(
  recipe: Pick<DistillRecipe, 'seed' | 'data' | 'augment' | 'texts'>,
  teacher: Teacher,
  student: ClipConfig,
  { dataset: given, loader, compile }: TrainingData,
): Promise<Streams> {
  const { seed, augment, texts } = recipe;
  const templates = trainingTemplates(texts.templates, given);
  const dataset = withClassCaptions(given, templates);
  const examples = examplesOf(dataset, recipe.data.split);
  const all = listTexts(dataset, examples, templates, texts.captions).texts;
  const stride = Math.ceil(all.length / enoughTexts);
  const tokens = tokenizeAll(
    teacher.tokenizer,
    all.filter((_, i) => i % stride === 0),
    teacher.config.text_config.max_position_embeddings,
  );
  const { preprocess } = teacher;
  const batch = imagesAtATime(teacher.config);
  const images = new ViewBatches(dataset, examples, { seed, batch, augment, preprocess, loader });
  try {
    return {
      text: principalStream(await textMoments(teacher, tokens, compile), student.text_config.hidden_size),
      vision: principalStream(await imageMoments(teacher, images, compile), student.vision_config.hidden_size),
    };
  } finally {
    await images.dispose();
  }
}
