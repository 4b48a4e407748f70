import { join } from 'node:path';
import { clipConfigJson, preprocessConfigJson } from '../../../clip/index.js';
import { UserError } from '../../../errors.js';
import { fillFolder, writeFileAtomic } from '../../../files/index.js';
import { Random } from '../../../math/index.js';
import { modelWeights, type TowerModel } from '../../../model/index.js';
import { paramFeeds, paramInputs } from '../../../nn/index.js';
import { compile, OnnxFile } from '../../../runtime/index.js';
import { type HostTensor, input } from '../../../tensor/index.js';
import { roundedWeights, type TaskDtype } from '../../stored-weights.js';
import { vqaHead } from '../head/head.js';
import { questionTokens } from '../head/question-tokens.js';
import { checkHeadModel, type VqaHead } from '../head/vqa-head.js';
import { type VqaGraphName, vqaGraphNames, vqaOnnx } from './vqa-graphs.js';
import { type VqaManifest, vqaManifestFile } from './vqa-manifest.js';

/** What {@link exportVqa} wrote. */
export interface ExportedVqa {
  readonly folder: string;
  /** Bytes of each ONNX file. */
  readonly bytes: Readonly<Record<VqaGraphName, number>>;
  /** Largest difference of a logit from the engine's, over some random questions. */
  readonly difference: number;
}

/** Largest difference from the engine that is let through. */
const tolerance = 1e-3;

/**
 * Writes a head for ONNX Runtime, in Node and browsers: `onnx/vqa_vision.onnx`, `onnx/vqa_head.onnx`, the tokenizer, the
 * preprocessing and `vqa.json` with the answers. What was written is run and compared with the engine.
 *
 * @param dtype `q8` and `q4`: matrices of linear layers in INT8 and INT4; the engine is given the same rounded weights
 * @throws UserError where the head was trained on another model, the folder cannot be written, or the files answer otherwise
 *   than the engine
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('promptkd:emoji-student', 'vqa');
 * const { bytes } = await exportVqa(model, loadVqaHead('runs/vqa'), 'exported-vqa', 'q8');
 */
export async function exportVqa(
  model: TowerModel,
  head: VqaHead,
  out: string,
  dtype: TaskDtype = 'fp32',
): Promise<ExportedVqa> {
  checkHeadModel(head, model);
  const files = Object.fromEntries(vqaGraphNames.map((name) => [name, vqaOnnx(name, model, head, dtype)])) as Record<
    VqaGraphName,
    Uint8Array
  >;
  const difference = await differenceOf(model, head, dtype, files.vqa_head);
  if (!(difference <= tolerance)) {
    throw new UserError(
      `${out}: the exported head gives other logits than the engine: they differ by ${difference}, at most ${tolerance} is right`,
    );
  }
  const { config } = head;
  const manifest: VqaManifest = {
    ...{ kind: 'vqa-export', dtype, answers: [...head.answers], text_tokens: config.text_tokens },
    image_size: model.preprocess.size,
  };
  const texts = {
    [vqaManifestFile]: manifest,
    'config.json': clipConfigJson(model.config),
    'preprocessor_config.json': preprocessConfigJson(model.preprocess),
    'tokenizer.json': model.tokenizer.json,
  };
  await fillFolder(out, [], async (unfinished) => {
    for (const [name, bytes] of Object.entries(files)) {
      await writeFileAtomic(join(unfinished, 'onnx', `${name}.onnx`), bytes);
    }
    for (const [name, content] of Object.entries(texts)) {
      await writeFileAtomic(join(unfinished, name), `${JSON.stringify(content, null, 2)}\n`);
    }
    return { files: [...vqaGraphNames.map((name) => `onnx/${name}.onnx`), ...Object.keys(texts).reverse()] };
  });
  const bytes = Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length]));
  return { folder: out, bytes: bytes as ExportedVqa['bytes'], difference };
}

/** Of the exported head's logits from the engine's. */
async function differenceOf(model: TowerModel, head: VqaHead, dtype: TaskDtype, file: Uint8Array): Promise<number> {
  const { patches, vision_width, text_tokens } = head.config;
  const rows = 2;
  const random = new Random('vqa-export');
  const shape = [rows, patches, vision_width];
  const seen = { shape, data: Float32Array.from({ length: rows * patches * vision_width }, () => random.normal()) };
  const { ids } = model.tokenizer.encode(['how many things are there?', head.answers[0]!], text_tokens);
  const asked = { shape: [rows, text_tokens], data: ids };
  const weights: Record<string, HostTensor> = {
    ...roundedWeights({ ...modelWeights(model), ...paramFeeds(head.params, 'vqa/') }, dtype),
  };
  const own = await compile(
    {
      outputs: {
        logits: vqaHead(paramInputs(head.params, 'vqa/'), head.config, {
          patches: input('patches', shape),
          ...questionTokens(paramInputs(modelWeights(model)), model, input('ids', asked.shape, 'int32')),
          answers: input('answers', head.directions.shape),
          bias: input('bias', head.bias.shape),
        }).logits,
      },
    },
    { fixed: { ...weights, answers: head.directions, bias: head.bias } },
  );
  const exported = await OnnxFile.open(file);
  try {
    const [wanted, got] = [
      (await own.run({ patches: seen, ids: asked })).logits!.data as Float32Array,
      (await exported.run({ patch_tokens: seen, input_ids: asked })).logits!.data,
    ];
    return got.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
  } finally {
    await Promise.all([own.dispose(), exported.dispose()]);
  }
}
