import {
  type Checkpoint,
  isSiglip,
  patchGrid,
  runTextBlocks,
  type TokenizedTexts,
  textBlockInputs,
  textTower,
  visionTower,
} from '../../clip/index.js';
import { hashParams } from '../../files/index.js';
import { ranksFor } from '../../model/index.js';
import { headAverage, type Params, paramFeeds, paramInputs, shardAxis } from '../../nn/index.js';
import { deepPrompts } from '../../prompt/index.js';
import { type CompileOptions, compile } from '../../runtime/index.js';
import { input, slice, type Tensor } from '../../tensor/index.js';
import { poolAttention, poolTokens } from '../losses/pool-patches.js';
import { storeHalf } from './stored-half.js';
import type { Teacher, TeacherTexts } from './teacher.js';
import { type TextProgress, textsDone } from './text-progress.js';

/**
 * A checkpoint, with deep prompts in its vision tower or without, run by the engine: all its inner states can be had.
 * Its blocks are split over `options.ranks`.
 *
 * @throws UserError for ranks that its heads and hidden units, or the device, do not take
 */
export function engineTeacher(checkpoint: Checkpoint, prompts: Params, options: CompileOptions): Teacher {
  const { config, params, preprocess, tokenizer } = checkpoint;
  const { image_size: size, patch_size: patch } = config.vision_config;
  const tokens = 1 + (size / patch) ** 2;
  const ranks = ranksFor('teacher', config, options);
  let known: string | undefined; // the weights of a large model take seconds to hash
  return {
    config,
    params,
    preprocess,
    tokenizer,
    // The losses on inner states count on a class token, which SigLIP's towers lack.
    inner: !isSiglip(config),
    fingerprint: () => (known ??= fingerprint(params, prompts, options)),
    async images(batch, { hidden, attention, grid = size / patch }) {
      const last = config.vision_config.num_hidden_layers;
      const tower = visionTower(paramInputs(params, '', ranks), config, input('pixels', [batch, 3, size, size]), {
        ranks,
        prompts: deepPrompts(paramInputs(prompts, 'prompts/'), 'vision'),
        pooledOnly: !hidden.includes(last) && !attention.includes(last),
      });
      const outputs: Record<string, Tensor> = { embed: tower.embed };
      const [from, to] = [patchGrid(config), [grid, grid]] as const;
      for (const l of hidden) outputs[`hidden.${l}`] = poolTokens(slice(tower.hidden[l]!, 1, 0, tokens), from, to);
      for (const l of attention)
        outputs[`attention.${l}`] = poolAttention(headAverage(tower.attention[l - 1]!, tokens, ranks), from, to);
      const fixed = { ...paramFeeds(params), ...paramFeeds(prompts, 'prompts/') };
      const program = await compile({ outputs, shards: shardAxis }, { ...options, fixed });
      return { run: (pixels) => program.run({ pixels }), dispose: () => program.dispose() };
    },
    texts: (texts, withWords, progress = {}) => encodeTexts(checkpoint, texts, withWords, progress, options),
  };
}

function fingerprint(params: Params, prompts: Params, { precision }: CompileOptions): string {
  const visual = Object.entries(prompts).filter(([name]) => name.startsWith('vision.'));
  const prompted = visual.length > 0 ? ` prompted ${hashParams(Object.fromEntries(visual))}` : '';
  return hashParams(params) + prompted + (precision === 'mixed' ? ' in mixed precision' : '');
}

async function encodeTexts(
  { config, params }: Checkpoint,
  texts: TokenizedTexts,
  withWords: boolean,
  progress: TextProgress,
  options: CompileOptions,
): Promise<TeacherTexts> {
  const width = config.projection_dim;
  const { ends, length } = texts;
  const size = length * width;
  const embeds = new Float32Array(ends.length * width);
  const words = withWords ? new Uint16Array(ends.length * size) : undefined;
  const fed = textBlockInputs(ends.length, length);
  const { ranks } = options;
  const tower = textTower(paramInputs(params, '', ranks), config, fed.ids, fed.ends, { ranks });
  const outputs: Record<string, Tensor> = { embed: tower.embed };
  if (withWords) outputs.words = tower.tokenEmbeds();
  const program = await compile({ outputs, shards: shardAxis }, { ...options, fixed: paramFeeds(params) });
  try {
    await runTextBlocks(program, {}, texts, async (result, from, count) => {
      embeds.set((result.embed!.data as Float32Array).subarray(0, count * width), from * width);
      if (words) {
        const made = (result.words!.data as Float32Array).subarray(0, count * size);
        const to = words.subarray(from * size, (from + count) * size);
        storeHalf('token features of the texts', made, to, 'set losses.cross_modal.enabled=false');
      }
      await textsDone(from + count, ends.length, progress);
    });
  } finally {
    await program.dispose();
  }
  return { embeds, words };
}
