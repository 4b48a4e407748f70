import { plainImage } from '../../augment/index.js';
import { normalizePixels, type OnnxPair, resolveCheckpoint, splitVariant, tokenizeAll } from '../../clip/index.js';
import { openEncoders, readClassifier } from '../../compress/index.js';
import { decodePicture, type Picture } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { type Rows, toUnitRows } from '../../evaluate/index.js';
import type { EncodedImages, Encoder, EncoderInfo, EncoderOptions, PictureInput } from './encoder.js';

/** Encoders in this thread: it stands still while they compute. */
export class LocalEncoder implements Encoder {
  private constructor(
    readonly info: EncoderInfo,
    private readonly pair: OnnxPair,
    private readonly maxPixels: number | undefined,
  ) {}

  /**
   * @param name checkpoint folder, export or hub id; with `#DTYPE` behind it, that variant of its ONNX files
   * @throws UserError where it cannot be read
   */
  static async open(name: string, { threads, maxPixels }: EncoderOptions = {}): Promise<LocalEncoder> {
    const { model, dtype } = splitVariant(name);
    const pair = await openEncoders(model, { threads, dtype });
    const { config, preprocess, logitScale } = pair;
    const width = config.projection_dim;
    const info: EncoderInfo = {
      width,
      imageSize: preprocess.size,
      textTokens: config.text_config.max_position_embeddings,
      logitFactor: Math.exp(logitScale),
      classifier: readClassifier(await resolveCheckpoint(model), width),
    };
    return new LocalEncoder(info, pair, maxPixels);
  }

  async images(pictures: readonly PictureInput[]): Promise<EncodedImages> {
    const { size } = this.pair.preprocess;
    const read = await Promise.all(pictures.map((input, i) => readPicture(input, `picture ${i}`, this.maxPixels)));
    const readable = read.filter((picture): picture is Picture => !(picture instanceof UserError));
    const data = new Float32Array(readable.length * 3 * size * size);
    for (const [row, picture] of readable.entries()) {
      normalizePixels(plainImage(picture, size), size, this.pair.preprocess, data, row * 3 * size * size);
    }
    const pixels = { shape: [readable.length, 3, size, size], data };
    const given = readable.length > 0 ? (await this.pair.images(pixels)).data : new Float32Array(0);
    const { width } = this.info;
    const rows: Rows = { data: new Float32Array(pictures.length * width), count: pictures.length, width };
    let from = 0;
    for (const [i, picture] of read.entries()) {
      if (picture instanceof UserError) continue;
      rows.data.set(given.subarray(from, from + width), i * width);
      from += width;
    }
    return {
      rows: toUnitRows(rows),
      faults: read.map((picture) => (picture instanceof UserError ? picture.message : undefined)),
    };
  }

  async texts(texts: readonly string[]): Promise<Rows> {
    const tokens = tokenizeAll(this.pair.tokenizer, texts, this.info.textTokens);
    const { data } = await this.pair.texts(tokens);
    return toUnitRows({ data, count: texts.length, width: this.info.width });
  }

  close(): Promise<void> {
    return this.pair.dispose();
  }
}

/** A picture that cannot be read is a result: it must not fail those it is batched with. */
async function readPicture(input: PictureInput, label: string, maxPixels?: number): Promise<Picture | UserError> {
  if (!(input instanceof Uint8Array)) return input;
  try {
    return await decodePicture(input, label, maxPixels);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}
