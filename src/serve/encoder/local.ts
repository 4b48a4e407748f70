import { availableParallelism } from 'node:os';
import { openEncodersOrBank } from '../../bank/index.js';
import { type OnnxPair, tokenizeAll } from '../../clip/index.js';
import { decodeImage, type RawImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { modelPixels } from '../../loader/index.js';
import { type Rows, toUnitRows } from '../../math/index.js';
import { logitBias, logitFactor, type Model, servingEncoders, textLimit } from '../../model/index.js';
import { Prepared } from '../prepared.js';
import type { EncodedImages, Encoder, EncoderInfo, EncoderOptions, ImageInput } from './encoder.js';

/** Encoders in this thread: it stands still while they compute. */
export class LocalEncoder implements Encoder {
  private constructor(
    readonly info: EncoderInfo,
    private readonly pair: OnnxPair,
    private readonly maxPixels: number | undefined,
  ) {}

  /**
   * @param name as `openEncodersOrBank` takes it: a folder, a bank or a hub id; with `#DTYPE` behind it, that variant of its ONNX files
   * @throws UserError where it cannot be read
   */
  static async open(name: string, { threads, maxPixels }: EncoderOptions = {}): Promise<LocalEncoder> {
    return LocalEncoder.of(await openEncodersOrBank(name, { threads }), { threads, maxPixels });
  }

  /**
   * Of a model that was loaded.
   *
   * @throws UserError for a visual student, which has no text tower
   */
  static async of(loaded: Model, { threads, maxPixels }: EncoderOptions = {}): Promise<LocalEncoder> {
    const model = loaded.encoders ? loaded : await servingEncoders(loaded, { threads });
    const info: EncoderInfo = {
      width: model.config.projection_dim,
      imageSize: model.preprocess.size,
      textTokens: textLimit(model),
      logitFactor: logitFactor(model),
      logitBias: logitBias(model),
      templates: model.training?.templates,
      classifier: model.classes,
    };
    return new LocalEncoder(info, model.encoders, maxPixels);
  }

  async images(
    images: readonly ImageInput[],
    prepared = new Prepared(),
    abandoned: readonly ({ readonly aborted: boolean } | undefined)[] = [],
  ): Promise<EncodedImages> {
    const { size } = this.pair.preprocess;
    const read = await inTurn(images, async (input, i) =>
      abandoned[i]?.aborted
        ? new UserError(`image ${i}: nobody waits for it any more`)
        : this.pixels(input, `image ${i}`, prepared),
    );
    const readable = read.filter((one): one is Float32Array => !(one instanceof UserError));
    const data = new Float32Array(readable.length * 3 * size * size);
    for (const [row, one] of readable.entries()) data.set(one, row * one.length);
    const pixels = { shape: [readable.length, 3, size, size], data };
    const given = readable.length > 0 ? (await this.pair.images(pixels)).data : new Float32Array(0);
    const { width } = this.info;
    const rows: Rows = { data: new Float32Array(images.length * width), count: images.length, width };
    let from = 0;
    for (const [i, one] of read.entries()) {
      if (one instanceof UserError) continue;
      rows.data.set(given.subarray(from, from + width), i * width);
      from += width;
    }
    return {
      rows: toUnitRows(rows),
      faults: read.map((one) => (one instanceof UserError ? one.message : undefined)),
    };
  }

  /** Normalized pixels of one image, [3, S, S], or why it cannot be read. */
  private async pixels(input: ImageInput, label: string, prepared: Prepared): Promise<Float32Array | UserError> {
    const { preprocess } = this.pair;
    const limit = this.maxPixels ?? '';
    const decode = () => readImage(input, label, this.maxPixels);
    const toPixels = async () => {
      const image = await prepared.of(input, `decoded ${limit}`, decode, bytesOf);
      return image instanceof UserError ? image : faultOr(() => modelPixels(image, preprocess, label));
    };
    return prepared.of(input, `pixels ${limit} ${JSON.stringify(preprocess)}`, toPixels, bytesOf);
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

/** Images that are decoded at once: Node has four threads for that and for all files, and large images fill them. */
const atOnce = Math.max(1, Math.min(3, availableParallelism()));

/** What is made of each item, a few at a time: what has not begun can still be left out. */
async function inTurn<I, O>(items: readonly I[], make: (item: I, i: number) => Promise<O>): Promise<O[]> {
  const made = new Array<O>(items.length);
  const rest = items.entries();
  const work = async () => {
    for (const [i, item] of rest) made[i] = await make(item, i);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return made;
}

function bytesOf(made: RawImage | Float32Array | UserError): number {
  if (made instanceof UserError) return 0;
  return made instanceof Float32Array ? made.byteLength : made.data.byteLength;
}

async function readImage(input: ImageInput, label: string, maxPixels?: number): Promise<RawImage | UserError> {
  if (!(input instanceof Uint8Array)) return input;
  return faultOr(() => decodeImage(input, label, { maxPixels, longest: Number.POSITIVE_INFINITY }));
}

/** An image that cannot be read is a result: it must not fail those it is batched with. */
async function faultOr<T>(make: () => T | Promise<T>): Promise<T | UserError> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}
