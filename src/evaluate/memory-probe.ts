/**
 * Run in a process of its own: loads the model that is named on the command line, embeds one picture and one text, and
 * sends how much the process grew at most, in bytes.
 */
import type { Dtype } from '../clip/index.js';
import { tokenizeAll } from '../clip/index.js';
import { loadModelOrPair } from '../model/index.js';
import { embedTexts } from './embed.js';
import { imageEncoder, latencyImage } from './latency.js';

const [folder, dtype] = process.argv.slice(2) as [string, string | undefined];
const before = process.memoryUsage().rss;
const model = await loadModelOrPair(folder, { dtype: dtype as Dtype | undefined });
const encoder = await imageEncoder(model);
await encoder.run(latencyImage(model));
if ('pair' in model) {
  const { tokenizer, config } = model.pair;
  await model.pair.texts(tokenizeAll(tokenizer, ['a cat'], config.text_config.max_position_embeddings));
} else await embedTexts(model, ['a cat']);
process.send?.(Math.max(0, process.resourceUsage().maxRSS * 1024 - before));
await encoder.dispose();
