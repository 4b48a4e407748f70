import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type ModelProto, ModelProtoSchema, TensorProto_DataType, TensorShapeProto_DimensionSchema } from 'onnx-buf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOnnxPair, type OnnxPair } from '../clip/checkpoint/onnx-pair.js';
import { tokenizeAll } from '../clip/tokenizer/tokenize-all.js';
import { fileList } from '../files/index.js';
import { OnnxEmitter } from '../tensor/onnx-emitter.js';
import { onnxFile } from '../tensor/onnx-graph.fixture.js';
import { teacher } from '../test/colours.fixture.js';
import { exportModel } from './index.js';
import { difference } from './verify.js';

const texts = ['a red thing', 'a drawing of a green thing', 'gold', 'blue', 'a red and a green thing'];
const files = ['vision_model', 'text_model'];
let root = '';
let exported = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-onnx-pair-'));
  exported = join(root, 'exported');
  await exportModel({ model: teacher, out: exported });
});
afterAll(() => rm(root, { recursive: true }));

/** A copy of the export whose graphs are written otherwise. */
async function changed(name: string, change: (model: ModelProto, file: string) => void): Promise<string> {
  const folder = join(root, name);
  await cp(exported, folder, { recursive: true });
  // As of other exporters.
  await rm(join(folder, fileList));
  for (const file of files) {
    const path = join(folder, 'onnx', `${file}.onnx`);
    const model = fromBinary(ModelProtoSchema, await readFile(path));
    change(model, file);
    await writeFile(path, toBinary(ModelProtoSchema, model));
  }
  return folder;
}

/** As exporters write it that trace one example: the named axis of every input has a size. */
function fixAxis(model: ModelProto, axis: number, size: number): void {
  for (const { type } of model.graph!.input) {
    if (type?.value.case !== 'tensorType') throw new Error('expected a tensor');
    type.value.value.shape!.dim[axis] = create(TensorShapeProto_DimensionSchema, {
      value: { case: 'dimValue', value: BigInt(size) },
    });
  }
}

function renameOutput(model: ModelProto, from: string, to: string): void {
  for (const output of model.graph!.output) if (output.name === from) output.name = to;
  for (const node of model.graph!.node) node.output = node.output.map((name) => (name === from ? to : name));
}

async function embeddings(pair: OnnxPair, count: number): Promise<{ images: Float32Array; texts: Float32Array }> {
  const { size } = pair.preprocess;
  const data = Float32Array.from({ length: count * 3 * size * size }, (_, i) => ((i * 37) % 101) / 50 - 1);
  const { ids, ends, length } = tokenizeAll(pair.tokenizer, texts, 12);
  const [images, said] = [
    await pair.images({ shape: [count, 3, size, size], data }),
    await pair.texts({ ids, ends, length }),
  ];
  expect(images.shape).toEqual([count, pair.config.projection_dim]);
  expect(said.shape).toEqual([texts.length, pair.config.projection_dim]);
  await pair.dispose();
  return { images: images.data, texts: said.data };
}

describe('an ONNX pair whose batch axis is fixed', () => {
  it.each([1, 2, 5, 8])('to %s gives the embeddings of the open one', async (size) => {
    const folder = await changed(`fixed-${size}`, (model) => fixAxis(model, 0, size));
    const [open, fixed] = [await loadOnnxPair(exported), await loadOnnxPair(folder)];
    const expected = await embeddings(open, 5);
    const made = await embeddings(fixed, 5);
    expect(difference(made.images, expected.images)).toBeLessThan(1e-5);
    expect(difference(made.texts, expected.texts)).toBeLessThan(1e-5);
  });

  it('takes texts of the length that a file is fixed to', async () => {
    const folder = await changed('length', (model, file) => file === 'text_model' && fixAxis(model, 1, 12));
    const pair = await loadOnnxPair(folder);
    expect(pair.config.text_config.max_position_embeddings).toBe(12);
    const made = await embeddings(pair, 1);
    expect(difference(made.texts, (await embeddings(await loadOnnxPair(exported), 1)).texts)).toBeLessThan(1e-5);
  });
});

describe('an ONNX pair whose embeddings share no space is refused', () => {
  it.each([
    ['vision_model', 'image_embeds'],
    ['text_model', 'text_embeds'],
  ])('a bare %s with its pooled output alone', async (file, projected) => {
    const folder = await changed(`bare-${file}`, (model) => renameOutput(model, projected, 'pooler_output'));
    if (file === 'text_model') {
      const vision = join('onnx', 'vision_model.onnx');
      await writeFile(join(folder, vision), await readFile(join(exported, vision)));
    }
    const loading = loadOnnxPair(folder);
    await expect(loading).rejects.toThrow(
      new RegExp(`${file}\\.onnx: expected the output ${projected}, got pooler_output: of a model of the type clip`),
    );
    await expect(loading).rejects.toHaveProperty('name', 'UserError');
  });

  it('texts and images of two widths', async () => {
    const folder = await changed('widths', () => {});
    const e = new OnnxEmitter();
    e.node('Cast', ['input_ids'], ['float'], { to: TensorProto_DataType.FLOAT });
    e.node('Concat', ['float', 'float', 'float'], ['text_embeds'], { axis: 1 });
    const axes = ['batch_size', 'sequence_length'] as const;
    const text = onnxFile(e, { input_ids: ['int64', ...axes] }, { text_embeds: ['float32', 'batch_size', 'width'] });
    await writeFile(join(folder, 'onnx', 'text_model.onnx'), text);
    await expect(loadOnnxPair(folder)).rejects.toThrow(
      /text_model\.onnx: expected embeddings \[1, \d+\] as of images, got \[1, \d+\]: do both files belong to one model/,
    );
  });
});
