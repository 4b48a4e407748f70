import { beforeAll, describe, expect, it } from 'vitest';
import { checkParams } from '../../clip/checkpoint/params.js';
import type { ClipConfig } from '../../clip/config.js';
import { textTower } from '../../clip/towers/text.js';
import { visionTower } from '../../clip/towers/vision.js';
import { preprocessImage } from '../../loader/pixels.js';
import { Random } from '../../math/random.js';
import { type Params, paramFeeds, paramInputs } from '../../nn/index.js';
import { compile } from '../../runtime/program.js';
import { input, matmul, mean, square, sub, type Tensor } from '../../tensor/index.js';
import { compileOptions, config, dataset, recipe, teacher } from '../../test/colours.fixture.js';
import { standardize } from '../losses/feature-loss.js';
import { teacherOf } from '../teacher/teacher.js';
import { inherit } from './inherit.js';
import { principalStreams } from './principal-streams.js';
import { importantStreams, type Streams } from './residual-stream.js';

/** The fixture's teacher, with norms and biases that do something. */
const params: Params = Object.fromEntries(
  Object.entries(teacher.params).map(([name, { shape, data }]) => {
    const random = new Random(1, name);
    const moved = /norm|bias/.test(name) && !name.includes('pre_layrnorm');
    return [name, { shape, data: moved ? data.map((x) => x + 0.3 * random.normal()) : data }];
  }),
);
const streams = (to: ClipConfig) =>
  principalStreams(recipe(), teacherOf({ ...teacher, params }), to, { dataset, compile: compileOptions });
const pixels = input('pixels', [3, 3, 16, 16]);
const [ids, ends] = [input('ids', [3, 5], 'int32'), input('ends', [3], 'int32')];
const feeds = {
  pixels: { shape: [3, 3, 16, 16], data: new Float32Array(3 * 768) },
  ids: { shape: [3, 5], data: Int32Array.from([1, 5, 6, 7, 2, 1, 8, 9, 2, 2, 1, 3, 2, 2, 2]) },
  ends: { shape: [3], data: Int32Array.of(4, 3, 2) },
};

beforeAll(async () => {
  for (const [i, example] of dataset.splits.train!.slice(0, 3).entries()) {
    feeds.pixels.data.set(await preprocessImage(await dataset.load(example), teacher.preprocess), i * 768);
  }
});

async function run(outputs: Record<string, Tensor>, more: ReturnType<typeof paramFeeds>) {
  const program = await compile({ outputs }, compileOptions);
  const out = await program.run({ ...feeds, ...more });
  const copies = Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, [...data]]));
  await program.dispose();
  return copies;
}

describe('the principal components of the residual streams', () => {
  it('at the teacher’s own width compute what it computes, folded norms and all', async () => {
    const same = inherit(params, config, config, { layers: 'even', streams: await streams(config) });
    const embeds = (p: Params) =>
      run(
        {
          image: visionTower(paramInputs(p), config, pixels).embed,
          text: textTower(paramInputs(p), config, ids, ends).embed,
        },
        paramFeeds(p),
      );
    const [given, got] = [await embeds(params), await embeds(checkParams(same, config, 'student'))];
    for (const tower of ['image', 'text']) {
      for (const [i, x] of given[tower]!.entries()) expect(got[tower]![i], `${tower} ${i}`).toBeCloseTo(x, 4);
    }
  });

  it('carry more of the teacher’s embedded patches than its strongest channels do, and M brings them back', async () => {
    const narrow: ClipConfig = { ...config, vision_config: { ...config.vision_config, hidden_size: 16 } };
    const missed = async ({ text, vision }: Streams) => {
      const student = inherit(params, config, narrow, { layers: 'even', streams: { text, vision } });
      const first = (p: Params, c: ClipConfig, room: string) =>
        standardize(visionTower(paramInputs(p, room), c, pixels).hidden[0]!);
      const back = matmul(first(student, narrow, 'student/'), input('map', vision.map.shape as number[]), {
        full: true,
      });
      const { loss } = await run(
        { loss: mean(square(sub(back, first(params, config, 'teacher/')))) },
        { ...paramFeeds(student, 'student/'), ...paramFeeds(params, 'teacher/'), map: vision.map },
      );
      return loss![0]!;
    };
    const principal = await missed(await streams(narrow));
    expect(principal).toBeLessThan(0.5 * (await missed(importantStreams(params, config, narrow))));
    expect(principal).toBeLessThan(0.2);
  });
});
