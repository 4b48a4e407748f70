import { beforeAll, expect, it } from 'vitest';
import { loadWeights } from '../../clip/checkpoint/checkpoint.js';
import { eosPositions } from '../../clip/towers/eos.js';
import { clipLogits } from '../../clip/towers/similarity.js';
import { textTower } from '../../clip/towers/text.js';
import type { TowerResult } from '../../clip/towers/tower.js';
import { visionTower } from '../../clip/towers/vision.js';
import { type Params, paramFeeds, paramInputs } from '../../nn/index.js';
import { compile } from '../../runtime/program.js';
import { input, type Tensor } from '../../tensor/index.js';
import { eachTensor, parity } from './golden.fixture.js';

const inputs = ['pixel_values', 'input_ids'];

for (const part of ['clip', 'openclip', 'siglip']) {
  parity(part, (dir, golden) => {
    let results: Params = {};
    beforeAll(async () => {
      results = await runTowers(dir, golden);
    });
    eachTensor(
      golden,
      (name) => inputs.includes(name),
      () => results,
    );
    it('has every tensor', () => {
      const wanted = part === 'openclip' ? ['image_embeds', 'text_embeds'] : Object.keys(results);
      expect(Object.keys(golden)).toEqual(expect.arrayContaining(wanted));
    });
  });
}

/** Embeddings, logits, hidden states and attention maps by the golden tensors' names. */
async function runTowers(dir: string, golden: Params): Promise<Params> {
  const { config, params } = await loadWeights(dir);
  const [pixels, ids] = inputs.map((name) => golden[name]!) as [Params[string], Params[string]];
  const [texts, length] = ids.shape as [number, number];
  const p = paramInputs(params);
  const image = visionTower(p, config, input('pixels', pixels.shape));
  const text = textTower(p, config, input('ids', ids.shape, 'int32'), input('ends', [texts], 'int32'));
  const outputs: Record<string, Tensor> = {
    image_embeds: image.embed,
    text_embeds: text.embed,
    logits_per_image: clipLogits(image.embed, text.embed, p.logit_scale!, p.logit_bias),
    ...layers('vision', image),
    ...layers('text', text),
  };
  const program = await compile({ outputs });
  const ends = { shape: [texts], data: eosPositions(ids.data as Int32Array, length, config) };
  const results = await program.run({ ...paramFeeds(params), pixels, ids, ends });
  await program.dispose();
  return results;
}

function layers(name: string, { hidden, attention }: TowerResult): Record<string, Tensor> {
  return {
    ...Object.fromEntries(hidden.map((x, i) => [`${name}_hidden_states.${i}`, x])),
    ...Object.fromEntries(attention.map((x, i) => [`${name}_attentions.${i}`, x])),
  };
}
