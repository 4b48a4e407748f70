import type { OnnxPair } from '../../clip/index.js';
import type { Teacher } from './teacher.js';
import { textsDone } from './text-progress.js';

const TEXT_BATCH = 64;

/** An ONNX pair: embeddings alone, for the response loss and the alignment of final embeddings. */
export function onnxTeacher(pair: OnnxPair): Teacher {
  const { config, preprocess, tokenizer, logitScale, fingerprint } = pair;
  return {
    config,
    preprocess,
    tokenizer,
    params: { logit_scale: { shape: [], data: Float32Array.of(logitScale) } },
    inner: false,
    fingerprint: () => `${fingerprint} onnx`,
    async images() {
      // The pair's sessions outlive the pass: they are whoever's that loaded it.
      return { run: async (pixels) => ({ embed: await pair.images(pixels) }), dispose: async () => {} };
    },
    async texts({ ids, ends, length }, _, progress = {}) {
      const width = config.projection_dim;
      const embeds = new Float32Array(ends.length * width);
      for (let from = 0; from < ends.length; from += TEXT_BATCH) {
        const to = Math.min(from + TEXT_BATCH, ends.length);
        const some = { ids: ids.subarray(from * length, to * length), ends: ends.subarray(from, to), length };
        embeds.set((await pair.texts(some)).data, from * width);
        await textsDone(to, ends.length, progress);
      }
      return { embeds };
    },
  };
}
