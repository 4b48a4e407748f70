/**
 * Run in a process of its own: loads the model that is named on the command line, embeds one image and one text, and
 * sends how much the process grew at most, in bytes.
 */
import { loadModel } from '../model/index.js';
import { embedTexts } from './embed.js';
import { latencyImage, oneImageEncoder } from './latency.js';

const [name] = process.argv.slice(2) as [string];
const before = process.memoryUsage().rss;
const model = await loadModel(name);
const encoder = await oneImageEncoder(model);
await encoder.run(latencyImage(model));
await embedTexts(model, ['a cat']);
process.send?.(Math.max(0, process.resourceUsage().maxRSS * 1024 - before));
await encoder.dispose();
