import {
  type ClipConfig,
  clipPreprocess,
  initClip,
  parseClipConfig,
  tokenizerFromJson,
  trainTokenizer,
} from '../../clip/index.js';
import type { RawImage } from '../../data/index.js';
import { Random } from '../../math/index.js';
import type { TowerModel } from '../../model/index.js';
import { type Question, type VqaDataset, vqaFingerprint } from './data/question.js';

const colours = { red: [220, 30, 30], green: [30, 200, 30], blue: [30, 30, 220] } as const;
type Colour = keyof typeof colours;
const names = Object.keys(colours) as Colour[];

const side = 8;

/** A square of one colour on the left or the right half of a black image. */
function paint(colour: Colour, left: boolean): RawImage {
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) if (x < side / 2 === left) data.set(colours[colour], (y * side + x) * 3);
  }
  return { width: side, height: side, channels: 3, data };
}

/** Six images of 8 pixels, with questions about colour and place; one image cannot be read where wanted. */
export function tinyVqa(): VqaDataset {
  const shown = names.flatMap((colour) => [true, false].map((left) => ({ id: `${colour}-${left}`, colour, left })));
  const known = new Map(shown.map((one) => [one.id, one]));
  const questions = shown.flatMap(({ id, colour, left }, i): Question[] => [
    ...[{ id: `c${i}`, image: id, question: 'what colour?', answers: [colour], type: 'colour', answerType: 'other' }],
    ...[
      {
        id: `l${i}`,
        image: id,
        question: 'is it left?',
        answers: [left ? 'yes' : 'no'],
        type: 'left',
        answerType: 'yes/no',
      },
    ],
  ]);
  const splits = { train: questions, val: questions, test: questions };
  const examples = shown.map(({ id }) => ({ id, captions: [] }));
  return {
    name: 'tiny-vqa',
    images: {
      ...{ name: 'tiny', classes: [], splits: { train: examples }, skipped: [], fingerprint: 'tiny-images' },
      load: async ({ id }) => paint(known.get(id)!.colour, known.get(id)!.left),
    },
    ...{ splits, skipped: [], fingerprint: vqaFingerprint('tiny-images', splits) },
  };
}

/** A random CLIP, of 8 pixels, that knows the words of the questions. */
export function tinyModel(seed = 1, width = 16, size = side): TowerModel {
  const texts = ['what colour is it? red green blue', 'is it left? yes no', 'how many things are there?'];
  const tokenizer = tokenizerFromJson(trainTokenizer(texts, 530));
  const tower = {
    hidden_size: width,
    intermediate_size: 2 * width,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    hidden_act: 'gelu',
  };
  const config: ClipConfig = parseClipConfig(
    {
      projection_dim: width,
      logit_scale_init_value: 2.6,
      vision_config: { ...tower, image_size: size, patch_size: 4 },
      text_config: {
        ...{ ...tower, vocab_size: tokenizer.vocabSize, max_position_embeddings: 16 },
        ...{ bos_token_id: tokenizer.startId, eos_token_id: tokenizer.endId, pad_token_id: tokenizer.padId },
      },
    },
    'tiny',
  );
  const params = initClip(config, seed);
  // Louder than a start, so that what is seen differs from image to image.
  const random = new Random('tiny-vqa', seed);
  for (const { data, shape } of Object.values(params)) {
    if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i]! += 0.2 * random.normal();
  }
  return { config, params, preprocess: clipPreprocess(size), tokenizer };
}
