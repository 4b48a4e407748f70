/** The page's inference worker: decodes, preprocesses and encodes, so that the page itself never waits. */
import {
  embeddingOutputs,
  normalizePixels,
  resizeAndCrop,
  type Tokenizer,
  tokenizerFromJson,
} from '../../clip/browser.js';
import { type ModelFile, modelFiles } from '../model-file.js';
import { type Encoder, openText, openVision } from './encoder.js';
import { decode } from './picture.js';
import type { Calls, Device, ImageResult, Loaded, Reply, Request } from './protocol.js';

declare const self: DedicatedWorkerGlobalScope;

interface State {
  readonly model: ModelFile;
  readonly tokenizer: Tokenizer;
  readonly vision: Encoder;
  readonly text: Encoder;
}

/** Texts encoded at a time. */
const BATCH = 32;

let state: State | undefined;
/** One run at a time: sessions share the runtime's memory. */
let last: Promise<void> = Promise.resolve();

self.addEventListener('message', ({ data }: MessageEvent<Request>) => {
  last = last.then(() => reply(data));
});

async function reply(request: Request): Promise<void> {
  const { id } = request;
  try {
    send({ id, value: await perform(request) });
  } catch (error) {
    send({ id, error: (error as Error).message });
  }
}

const send = (reply: Reply) => self.postMessage(reply);

function perform(request: Request): Promise<ReturnType<Calls[keyof Calls]>> {
  if (request.name === 'load') return load(...request.args);
  if (!state) throw new Error('inference worker: expected load first');
  return request.name === 'image' ? embedImage(state, ...request.args) : embedTexts(state, ...request.args);
}

async function load(base: string, device: Device): Promise<Loaded> {
  const json = async (file: string) => (await get(base, file)).json();
  const model = (await json(modelFiles.about)) as ModelFile;
  const tokenizer = tokenizerFromJson(await json(modelFiles.tokenizer), {
    settings: await json(modelFiles.tokenizerSettings),
  });
  const total = model.vision.bytes + model.text.bytes;
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    send({ progress: { done, total } });
  };
  const visionBytes = await download(base, model.vision.file, onBytes);
  const textBytes = await download(base, model.text.file, onBytes);
  const { size } = model.preprocess;
  const black = new Float32Array(3 * size * size);
  const { encoder: vision, backend } = await openVision(visionBytes, device, base, (ort) => ({
    pixel_values: new ort.Tensor('float32', black, [1, 3, size, size]),
  }));
  state = { model, tokenizer, vision, text: await openText(textBytes, vision) };
  return { model, backend };
}

async function embedImage({ model, vision }: State, picture: Blob | ImageBitmap): Promise<ImageResult> {
  const { size } = model.preprocess;
  const started = performance.now();
  const { data, width, height } = await decode(picture);
  const decoded = performance.now();
  const seen = resizeAndCrop(data, [height, width], model.preprocess, 'picture');
  const pixels = new Float32Array(3 * size * size);
  normalizePixels(seen, size, model.preprocess, pixels, 0);
  const prepared = performance.now();
  const outputs = await vision.session.run({
    pixel_values: new vision.ort.Tensor('float32', pixels, [1, 3, size, size]),
  });
  const ms = { decode: decoded - started, prepare: prepared - decoded, run: performance.now() - prepared };
  return { embedding: Float32Array.from(embeddingOf(outputs, 'image')), seen, size, ms };
}

/** Every text is padded to the model's length: some text encoders take no other. */
async function embedTexts({ model, text, tokenizer }: State, texts: readonly string[]): Promise<Float32Array> {
  const { textLength: length, width } = model;
  const { session, ort } = text;
  const out = new Float32Array(texts.length * width);
  for (let from = 0; from < texts.length; from += BATCH) {
    const batch = texts.slice(from, from + BATCH);
    const { ids, eos } = tokenizer.encode(batch, length);
    const int64 = (values: Int32Array) =>
      new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [batch.length, length]);
    const shown = ids.map((_, i) => (i % length <= eos[Math.floor(i / length)]! ? 1 : 0));
    const all = { input_ids: int64(ids), attention_mask: int64(shown) };
    const feeds = Object.fromEntries(Object.entries(all).filter(([name]) => session.inputNames.includes(name)));
    out.set(embeddingOf(await session.run(feeds), 'text'), from * width);
  }
  return out;
}

/** The embedding among an encoder's outputs, whatever its family calls it. */
function embeddingOf(outputs: Awaited<ReturnType<Encoder['session']['run']>>, of: 'image' | 'text'): Float32Array {
  const name = embeddingOutputs[of].find((one) => outputs[one])!;
  return outputs[name]!.data as Float32Array;
}

async function get(base: string, file: string): Promise<Response> {
  const response = await fetch(new URL(file, base));
  if (!response.ok) throw new Error(`${file}: the server answered ${response.status}. Copy the page's whole folder.`);
  return response;
}

async function download(base: string, file: string, onBytes: (bytes: number) => void): Promise<Uint8Array> {
  const reader = (await get(base, file)).body!.getReader();
  const parts: Uint8Array[] = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    onBytes(part.value.length);
  }
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
