import { parseClipConfig } from '../clip/config.js';
import { Random } from '../math/random.js';

const tower = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 };

/** A CLIP of one layer a tower. */
export const config = parseClipConfig({
  projection_dim: 12,
  text_config: { ...tower, vocab_size: 60, max_position_embeddings: 10, bos_token_id: 58, eos_token_id: 59 },
  vision_config: { ...tower, image_size: 16, patch_size: 8 },
});
export const batch = 4;

/** Other images and texts at every step. */
export const batches = {
  async batch(step: number) {
    const random = new Random('traced', step);
    const draw = (size: number, value: () => number) => Float32Array.from({ length: size }, value);
    return {
      pixels: { shape: [batch, 3, 16, 16], data: draw(batch * 768, () => random.normal()) },
      ids: { shape: [batch, 10], data: Int32Array.from(draw(batch * 10, () => random.uniform(0, 58))) },
      ends: { shape: [batch], data: new Int32Array(batch).fill(9) },
      matches: { shape: [batch, batch], data: draw(batch * batch, () => 0).map((_, i) => Number(i % 5 === 0)) },
    };
  },
};
