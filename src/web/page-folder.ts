import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dtype, dtypes, onnxFolder } from '../clip/index.js';
import { UserError } from '../errors.js';
import { writeFileAtomic } from '../files/index.js';
import { type EncoderModel, openEncoders, usualTemplates } from '../model/index.js';
import { checkTemplates } from '../prompt/index.js';
import { type ModelFile, modelFiles, runtimeFiles } from './model-file.js';
import { serviceWorker } from './service-worker.js';
import { chooseVariant, type Variant } from './variants.js';
import { readVqaExport } from './vqa-files.js';

/** Options of {@link writePage}. */
export interface PageOptions {
  /** Folder of an exported or quantised model: `onnx/` beside `preprocessor_config.json` and the tokenizer. */
  readonly model: string;
  /** Folder that is written; files of the same names are replaced. */
  readonly out: string;
  readonly title: string;
  /** Class names that stand in the page's field at first. @defaultValue the classifier's */
  readonly classes?: readonly string[];
  /** Class names of the data, for a model that has none of its own. */
  readonly dataClasses?: readonly string[];
  /** Image files that the page offers to try, as sample images of the model's data. @defaultValue none */
  readonly samples?: readonly { readonly bytes: Uint8Array; readonly extension: 'png' | 'jpg' }[];
  /** Texts of a class, `{}` or `[OBJ]` standing for its name. @defaultValue the classifier's, or `usualTemplates` */
  readonly templates?: readonly string[];
  /** Of the templates in a class's mean; without them all weigh alike. */
  readonly weights?: readonly number[];
  /** Folder that `promptkd vqa export` wrote for the same model: the page gets a box for questions. */
  readonly vqa?: string;
  /** Variant of the ONNX files. @defaultValue the smallest that keeps a cosine of 0.99 to float32 */
  readonly dtype?: Dtype;
}

/** What {@link writePage} wrote. */
export interface PageResult {
  /** Files written, relative to `out`. */
  readonly files: readonly string[];
  /** Of all files. */
  readonly bytes: number;
  readonly vision: Variant;
  readonly text: Variant;
  /** Classes of the model's own classifier; 0 where it has none. */
  readonly fixedClasses: number;
}

/** The page as `npm run build` bundles it. */
const bundle = fileURLToPath(new URL('./page', import.meta.url));
const script = 'sw.js';

/**
 * Writes a folder that runs an exported or a quantised model in the browser, with no server but one that hands out
 * files: the page, ONNX Runtime's WASM and WebGPU builds, the model's smallest suitable files, and the features of its
 * own classes where `classifier.safetensors` has them. It works offline after its first load.
 *
 * @throws UserError where the folder is not an exported model, or its files do not fit each other
 */
export async function writePage(options: PageOptions): Promise<PageResult> {
  const { model, out, title } = options;
  const onnx = join(model, 'onnx');
  if (!dtypes.some((dtype) => onnxFolder(model, dtype) === onnx)) {
    throw new UserError(
      `${model}: expected onnx/vision_model.onnx and onnx/text_model.onnx, or a smaller variant of both: write them with promptkd export or promptkd quantize`,
    );
  }
  const opened = await openEncoders(model);
  const { encoders: pair, classes: classifier } = opened;
  try {
    const { templates, weights } = pageTemplates(options, opened);
    checkTemplates(templates, weights);
    const vision = await chooseVariant(onnx, 'vision_model', pair, options.dtype);
    const text = await chooseVariant(onnx, 'text_model', pair, options.dtype);
    const vqa = options.vqa === undefined ? undefined : await readVqaExport(options.vqa, pair);
    const { samples: sampleImages = [] } = options;
    const samples = sampleImages.map(({ extension }, i) => `model/sample-${i + 1}.${extension}`);
    const about: Omit<ModelFile, 'sizes'> = {
      title,
      preprocess: pair.preprocess,
      width: pair.config.projection_dim,
      textLength: pair.config.text_config.max_position_embeddings,
      logitScale: pair.logitScale,
      logitBias: pair.logitBias,
      templates,
      weights,
      vision: { file: modelFiles.vision, dtype: vision.dtype, bytes: vision.bytes },
      text: { file: modelFiles.text, dtype: text.dtype, bytes: text.bytes },
      classes: classifier?.names,
      suggested:
        options.classes ??
        classifier?.names ??
        (options.dataClasses?.length ? options.dataClasses : ['cat', 'dog', 'house', 'tree', 'car', 'heart']),
      samples,
      vqa: vqa && { answers: vqa.answers, textLength: vqa.textLength },
    };
    if (!existsSync(join(bundle, script))) {
      throw new Error(`${bundle}: expected the built page: run "npm run build" first`);
    }
    const settings = join(model, 'tokenizer_config.json');
    const shell = (await readdir(bundle, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => relative(bundle, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((file) => file !== script);
    const contents = new Map<string, () => Promise<string | Uint8Array> | string | Uint8Array>([
      ...shell.map((file) => [file, () => readFile(join(bundle, file))] as const),
      [appManifest, () => appManifestOf(title)],
      [modelFiles.vision, () => readFile(vision.path)],
      [modelFiles.text, () => readFile(text.path)],
      [modelFiles.tokenizer, () => JSON.stringify(pair.tokenizer.json)],
      [modelFiles.tokenizerSettings, () => (existsSync(settings) ? readFile(settings) : '{}')],
      ...sampleImages.map(({ bytes }, i) => [samples[i]!, () => bytes] as const),
    ]);
    for (const [file, path] of Object.entries(vqa?.files ?? {})) contents.set(file, () => readFile(path));
    if (classifier)
      contents.set(modelFiles.classifier, () => new Uint8Array(Float32Array.from(classifier.features.data).buffer));
    else await rm(join(out, modelFiles.classifier), { force: true });
    const source = await readFile(join(bundle, script), 'utf8');
    const { bytes, sums } = await writeAll(out, contents, about);
    // Last: a browser that has an older page takes the new files when this one has changed.
    const worker = serviceWorker(source, sums, [...shell, appManifest]);
    await writeFileAtomic(join(out, script), worker);
    return {
      files: [...contents.keys(), modelFiles.about, script],
      bytes: bytes + Buffer.byteLength(worker),
      vision,
      text,
      fixedClasses: classifier?.names.length ?? 0,
    };
  } finally {
    await pair.dispose();
  }
}

/** Makes the page an app that phones and desktops install. */
const appManifest = 'app.webmanifest';

function appManifestOf(title: string): string {
  const icons = [{ src: './icon.svg', sizes: 'any', type: 'image/svg+xml' }];
  const colours = { background_color: '#f6f6f3', theme_color: '#f6f6f3' };
  return JSON.stringify({
    name: title,
    short_name: title,
    start_url: './',
    scope: './',
    display: 'standalone',
    ...colours,
    icons,
  });
}

function pageTemplates({ templates, weights }: PageOptions, model: EncoderModel) {
  return templates ? { templates, weights } : (model.classes ?? usualTemplates(model));
}

async function writeAll(
  out: string,
  contents: ReadonlyMap<string, () => Promise<string | Uint8Array> | string | Uint8Array>,
  about: Omit<ModelFile, 'sizes'>,
): Promise<{ bytes: number; sums: Readonly<Record<string, string>> }> {
  const sums: Record<string, string> = {};
  const sizes: Record<string, number> = {};
  let bytes = 0;
  const write = async (file: string, content: string | Uint8Array) => {
    const data = Buffer.from(content);
    sums[file] = createHash('sha256').update(data).digest('base64');
    bytes += data.length;
    sizes[file] = data.length;
    await writeFileAtomic(join(out, ...file.split('/')), data);
  };
  for (const [file, content] of contents) await write(file, await content());
  const loaded = [...Object.values(modelFiles), ...Object.values(runtimeFiles)];
  const known = Object.fromEntries(loaded.flatMap((file) => (sizes[file] === undefined ? [] : [[file, sizes[file]]])));
  await write(modelFiles.about, JSON.stringify({ ...about, sizes: known } satisfies ModelFile));
  return { bytes, sums };
}
