/** The page's inference worker: decodes, preprocesses and encodes, so that the page itself never waits. */
import type { InferenceSession } from 'onnxruntime-web';
import {
  embeddingOutput,
  normalizePixels,
  resizeAndCrop,
  type Tokenizer,
  tokenizerFromJson,
} from '../../clip/browser.js';
import { checkedQuestion } from '../../tasks/vqa/browser.js';
import { type ModelFile, modelFiles, runtimeFiles } from '../model-file.js';
import { type Encoder, openText, openVision } from './encoder.js';
import { FileFetcher, get } from './fetch-file.js';
import { decode } from './image.js';
import type { AskResult, Calls, Device, ImageResult, Loaded, Reply, Request } from './protocol.js';

declare const self: DedicatedWorkerGlobalScope;

interface State {
  readonly model: ModelFile;
  readonly tokenizer: Tokenizer;
  readonly vision: Encoder;
  readonly text: Encoder;
  readonly vqa?: { readonly vision: Encoder; readonly head: Encoder };
  /** Of the last image, normalised. */
  pixels?: Float32Array;
  /** Of the last image: made at its first question. */
  patches?: { readonly data: Float32Array; readonly dims: readonly number[] };
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
  if (request.name === 'ask') return ask(state, ...request.args);
  return request.name === 'image' ? embedImage(state, ...request.args) : embedTexts(state, ...request.args);
}

async function load(base: string, device: Device): Promise<Loaded> {
  const model = (await (await get(base, modelFiles.about)).json()) as ModelFile;
  const files = new FileFetcher(base, model.sizes, (done, total) => send({ progress: { done, total } }));
  files.expect(
    ...[modelFiles.tokenizer, modelFiles.tokenizerSettings, model.vision.file, model.text.file],
    runtimeFiles[device === 'webgpu' ? 'webgpu' : 'wasm'],
    ...(model.vqa ? [modelFiles.vqaVision, modelFiles.vqaHead] : []),
  );
  const tokenizer = tokenizerFromJson(await files.json(modelFiles.tokenizer), {
    settings: await files.json(modelFiles.tokenizerSettings),
  });
  const visionBytes = await files.bytes(model.vision.file);
  const textBytes = await files.bytes(model.text.file);
  const { size } = model.preprocess;
  const black = new Float32Array(3 * size * size);
  const { encoder: vision, backend } = await openVision(visionBytes, device, files, (ort) => ({
    pixel_values: new ort.Tensor('float32', black, [1, 3, size, size]),
  }));
  const text = await openText(textBytes, vision);
  const vqa = model.vqa && {
    vision: await openText(await files.bytes(modelFiles.vqaVision), vision),
    head: await openText(await files.bytes(modelFiles.vqaHead), vision),
  };
  state = { model, tokenizer, vision, text, vqa };
  return { model, backend };
}

/** The embeddings among an encoder's outputs, which says itself what it calls them. */
function embeddings(kind: 'image' | 'text', outputs: InferenceSession.OnnxValueMapType): Float32Array {
  const name = embeddingOutput(kind, Object.keys(outputs));
  if (name === undefined)
    throw new Error(`The ${kind} encoder gives no embedding, but ${Object.keys(outputs).join(', ')}.`);
  return Float32Array.from(outputs[name]!.data as Float32Array);
}

async function embedImage(known: State, image: Blob | ImageBitmap): Promise<ImageResult> {
  const { model, vision } = known;
  const { size } = model.preprocess;
  const started = performance.now();
  const { data, width, height } = await decode(image);
  const decoded = performance.now();
  const seen = resizeAndCrop(data, [height, width], model.preprocess, 'image');
  const pixels = new Float32Array(3 * size * size);
  normalizePixels(seen, size, model.preprocess, pixels, 0);
  known.pixels = pixels;
  known.patches = undefined;
  const prepared = performance.now();
  const outputs = await vision.session.run({
    pixel_values: new vision.ort.Tensor('float32', pixels, [1, 3, size, size]),
  });
  const ms = { decode: decoded - started, prepare: prepared - decoded, run: performance.now() - prepared };
  return { embedding: embeddings('image', outputs), seen, size, ms };
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
    out.set(embeddings('text', await session.run(feeds)), from * width);
  }
  return out;
}

/** The answers to a question about the last image, whose patches are kept for the next question. */
async function ask(known: State, question: string): Promise<AskResult> {
  const { model, tokenizer, vqa, pixels } = known;
  if (!vqa || !model.vqa) throw new Error('This page has no head that answers questions.');
  const text = checkedQuestion(question);
  if (!pixels) throw new Error('Choose an image first: the question is about it.');
  const { ort, session } = vqa.head;
  const started = performance.now();
  if (!known.patches) {
    const { size } = model.preprocess;
    const seen = await vqa.vision.session.run({ pixel_values: new ort.Tensor('float32', pixels, [1, 3, size, size]) });
    const { data, dims } = seen.patch_tokens!;
    known.patches = { data: Float32Array.from(data as Float32Array), dims };
  }
  const looked = performance.now();
  const { textLength: length } = model.vqa;
  const { ids } = tokenizer.encode([text], length);
  const answered = await session.run({
    patch_tokens: new ort.Tensor('float32', known.patches.data, known.patches.dims),
    input_ids: new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, length]),
  });
  const logits = Float32Array.from(answered.logits!.data as Float32Array);
  return { logits, ms: { head: performance.now() - looked, image: looked - started } };
}
