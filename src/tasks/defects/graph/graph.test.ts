import { describe, expect, it } from 'vitest';
import { Random } from '../../../math/index.js';
import { imageEncoder } from '../../../model/index.js';
import { paramFeeds, paramInputs } from '../../../nn/index.js';
import { compile, OnnxFile } from '../../../runtime/index.js';
import { constant, input, toOnnx } from '../../../tensor/index.js';
import { compileOptions, teacher } from '../../../test/colours.fixture.js';
import { memoryScores, patchDescriptors } from './memory.js';
import { resampleWeights, resampling } from './resample.js';
import { cutTiles, mergeTiles, tileLayout } from './tiles.js';
import { windowScores } from './windows.js';

const random = new Random('defects graph');
const draw = (...shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
});

describe('the graph of a detector', () => {
  it('resamples by the same weights whether sizes are known or not', async () => {
    for (const [from, to] of [
      [7, 5],
      [4, 9],
      [6, 6],
    ] as const) {
      const like = input('like', ['h', 2]);
      for (const outputs of [{ w: resampling('h', to, like, 0) }, { w: resampling(from, 'h', like, 0) }]) {
        const file = await OnnxFile.open(toOnnx({ outputs }).bytes, compileOptions);
        const open = outputs.w.shape[0] === 'h' ? to : from;
        const { w } = await file.run({ like: { shape: [open, 2], data: new Float32Array(2 * open) } });
        const known = resampleWeights(from, to);
        expect(w!.shape).toEqual(known.shape);
        for (const [i, x] of known.data.entries()) expect(w!.data[i]).toBeCloseTo(x, 5);
        await file.dispose();
      }
    }
    expect([...resampleWeights(4, 2).data]).toEqual(
      [0.375, 0.375, 0.1875, 0.0625, 0.0625, 0.1875, 0.375, 0.375].map((x) => expect.closeTo(x, 0.02)),
    );
  });

  it('cuts tiles and puts them together, the greatest of overlapping scores', async () => {
    const layout = tileLayout(20, 8, 4, 0.5);
    expect(layout.starts).toEqual([0, 4, 8, 12]);
    const image = draw(1, 3, 20, 20);
    const tiles = cutTiles(constant(image), layout);
    // The mean of a tile's patches would be of overlapping ones: each tile says its number.
    const numbered = { shape: [16, 4], data: Float32Array.from({ length: 64 }, (_, i) => Math.floor(i / 4)) };
    const program = await compile({ outputs: { tiles, map: mergeTiles(constant(numbered), layout) } }, compileOptions);
    const { tiles: cut, map } = await program.run({});
    expect(cut!.shape).toEqual([16, 3, 8, 8]);
    expect(cut!.data[5 * 192 + 1]).toBe(image.data[4 * 20 + 4 + 1]);
    expect(map!.shape).toEqual([5, 5]);
    expect([...map!.data.slice(0, 5)]).toEqual([0, 1, 2, 3, 3]);
    expect(map!.data.at(-1)).toBe(15);
    expect(() => tileLayout(18, 8, 4, 0)).toThrow('side: expected a multiple of 4');
    await program.dispose();
  });

  it('measures how far patches are from the nearest remembered one', async () => {
    const layers = [draw(2, 4, 6), draw(2, 4, 5)];
    const made = patchDescriptors(layers.map((x) => constant(x)));
    const read = await compile({ outputs: { made } }, compileOptions);
    const rows = (await read.run({})).made!.data.slice() as Float32Array;
    await read.dispose();
    const memory = { shape: [3, 11], data: rows.slice(0, 33) };
    const program = await compile({ outputs: { scores: memoryScores(made, constant(memory)) } }, compileOptions);
    const { scores } = await program.run({});
    for (let i = 0; i < 8; i++) {
      let best = -1;
      for (let m = 0; m < 3; m++) {
        let cosine = 0;
        for (let k = 0; k < 11; k++) cosine += rows[i * 11 + k]! * memory.data[m * 11 + k]!;
        best = Math.max(best, cosine);
      }
      expect(scores!.data[i]).toBeCloseTo((1 - best) / 2, 5);
    }
    expect(scores!.data[0]).toBeCloseTo(0, 5);
    await program.dispose();
  });

  it('reads windows in one pass as if each were an image of its own', async () => {
    // A tower of a grid of 2 × 2: its one window of 2 × 2 is the whole image, so all scores are the image's.
    const small = { ...teacher.config, vision_config: { ...teacher.config.vision_config, patch_size: 8 } };
    const { initClip } = await import('../../../clip/towers/initialise.js');
    const model = { ...teacher, config: small, params: initClip(small, 3) };
    const pixels = draw(2, 3, 16, 16);
    const texts = draw(2, 12);
    const p = paramInputs(model.params);
    const { tiles, patches } = windowScores(p, model, input('pixels', pixels.shape), constant(texts), 0.5);
    const program = await compile(
      { outputs: { tiles, patches } },
      { ...compileOptions, fixed: paramFeeds(model.params) },
    );
    const { tiles: whole, patches: each } = await program.run({ pixels });
    for (let i = 0; i < 2; i++)
      for (let k = 0; k < 4; k++) expect(each!.data[i * 4 + k]).toBeCloseTo(whole!.data[i]!, 5);
    const encoder = await imageEncoder(model, 2, compileOptions);
    const features = (await encoder.run(pixels)).data;
    for (let i = 0; i < 2; i++) {
      const cosine = (t: number) =>
        [...Array(12).keys()].reduce((sum, k) => sum + features[i * 12 + k]! * texts.data[t * 12 + k]!, 0);
      expect(whole!.data[i]).toBeCloseTo(1 / (1 + Math.exp((cosine(0) - cosine(1)) / 0.5)), 5);
    }
    await Promise.all([program.dispose(), encoder.dispose()]);
  });

  it('reads a window without a look at what lies beside it', async () => {
    const texts = draw(2, 12);
    const p = paramInputs(teacher.params);
    const { patches, tiles } = windowScores(p, teacher, input('pixels', [1, 3, 16, 16]), constant(texts), 0.5);
    const outputs = { inverse: patches, tiles };
    const program = await compile({ outputs }, { ...compileOptions, fixed: paramFeeds(teacher.params) });
    const pixels = draw(1, 3, 16, 16);
    const run = async () => {
      const { inverse, tiles: whole } = await program.run({ pixels });
      // What the windows add to the image's own part of the harmonic mean, at the first patch, far from the last.
      return 3 / inverse!.data[0]! - 1 / whole!.data[0]!;
    };
    const before = await run();
    for (let c = 0; c < 3; c++)
      for (let y = 12; y < 16; y++) for (let x = 12; x < 16; x++) pixels.data[c * 256 + y * 16 + x]! += 3;
    expect(await run()).toBeCloseTo(before, 4);
    await program.dispose();
  });
});
