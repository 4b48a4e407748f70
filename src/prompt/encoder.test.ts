import { describe, expect, it } from 'vitest';
import { paramFeeds, paramInputs } from '../nn/index.js';
import { compile } from '../runtime/program.js';
import { input } from '../tensor/index.js';
import {
  encodePromptTexts,
  initPromptEncoder,
  type PromptEncoderConfig,
  textPrompts,
  tokenMask,
  visionPrompts,
} from './encoder.js';

const config: PromptEncoderConfig = {
  width: 8,
  layers: 2,
  heads: 2,
  intermediate_size: 16,
  vocab_size: 20,
  max_length: 6,
  n_ctx: 3,
  text_layers: 2,
  vision_layers: 1,
  text_width: 4,
  vision_width: 5,
};
const params = initPromptEncoder(config, 1);

/** Pooled texts, all prompts and the mask for rows of token ids of one length. */
async function read(rows: number[][], ends: number[]) {
  const [count, length] = [rows.length, rows[0]!.length];
  const p = paramInputs(params);
  const [ids, last] = [input('ids', [count, length], 'int32'), input('ends', [count], 'int32')];
  const texts = encodePromptTexts(p, config, ids, last);
  const [first, second] = textPrompts(p, config, texts);
  const [vision] = visionPrompts(p, config, texts);
  const outputs = { texts, first: first!, second: second!, vision: vision!, mask: tokenMask(last, ids) };
  const program = await compile({ outputs }, { threads: 1 });
  const out = await program.run({
    ...paramFeeds(params),
    ids: { shape: [count, length], data: Int32Array.from(rows.flat()) },
    ends: { shape: [count], data: Int32Array.from(ends) },
  });
  const plain = Object.fromEntries(Object.entries(out).map(([n, x]) => [n, { shape: x.shape, data: [...x.data] }]));
  await program.dispose();
  return plain;
}

const close = (a: number[], b: number[]) => a.forEach((x, i) => void expect(x).toBeCloseTo(b[i]!, 6));

describe('prompt encoder', () => {
  it('gives each text its prompts and the vision tower one set', async () => {
    const out = await read(
      [
        [18, 1, 2, 19],
        [18, 3, 19, 19],
      ],
      [3, 2],
    );
    expect(out.first!.shape).toEqual([2, 3, 4]);
    expect(out.vision!.shape).toEqual([3, 5]);
    expect(out.mask!.data).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
    expect(out.first!.data.slice(0, 12)).not.toEqual(out.first!.data.slice(12));
    // Small, so that training starts near the promptless tower, yet not zero.
    const size = Math.max(...out.second!.data.map(Math.abs));
    expect(size).toBeGreaterThan(1e-4);
    expect(size).toBeLessThan(0.2);
  });

  it('does not look at padding, nor from one text at another', async () => {
    const alone = await read([[18, 3, 19]], [2]);
    const padded = await read(
      [
        [18, 3, 19, 7, 7],
        [18, 1, 2, 3, 19],
      ],
      [2, 4],
    );
    close(alone.texts!.data, padded.texts!.data.slice(0, 8));
  });

  it('pools the task: vision prompts do not depend on the order of its texts', async () => {
    const [a, b] = [
      [18, 1, 19],
      [18, 2, 19],
    ];
    close((await read([a, b], [2, 2])).vision!.data, (await read([b, a], [2, 2])).vision!.data);
  });

  it('draws the same parameters from the same seed', () => {
    expect(initPromptEncoder(config, 1)['text_heads.1.weight']).toEqual(params['text_heads.1.weight']);
    expect(initPromptEncoder(config, 2)['text_heads.1.weight']).not.toEqual(params['text_heads.1.weight']);
  });

  it('borrows the student’s token embedding where it is told to', () => {
    const shared = initPromptEncoder({ ...config, shared_embedding_width: 4 }, 1);
    expect(shared['token_embedding.weight']).toBeUndefined();
    expect(shared['token_projection.weight']!.shape).toEqual([8, 4]);
  });
});
