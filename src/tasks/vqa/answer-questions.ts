import { paramFeeds, paramInputs } from '../../nn/index.js';
import { type CompileOptions, compile } from '../../runtime/index.js';
import type { HostTensor } from '../../tensor/index.js';
import * as t from '../../tensor/index.js';
import type { Question } from './data/question.js';
import type { VqaFeatures } from './features.js';
import { vqaHead } from './head/head.js';
import type { VqaHead } from './head/vqa-head.js';

/** Questions at a time. */
const block = 64;

/** A head for blocks of questions, ready to run; its live arrays are read at each run. */
export class HeadRunner {
  private constructor(
    private readonly program: Awaited<ReturnType<typeof compile>>,
    private readonly features: VqaFeatures,
    private readonly room: Record<string, HostTensor<Float32Array>>,
  ) {}

  /** @param options `inner`: also the cross-attention maps, as `attention.0`, … [B, L, P] */
  static async open(
    { config, params, directions, bias }: VqaHead,
    features: VqaFeatures,
    { inner = false, ...options }: Pick<CompileOptions, 'device' | 'threads'> & { readonly inner?: boolean } = {},
  ): Promise<HeadRunner> {
    const room = features.room(block);
    const result = vqaHead(paramInputs(params), config, {
      patches: t.input('patches', room.patches!.shape),
      words: t.input('words', room.words!.shape),
      mask: t.input('mask', room.mask!.shape),
      answers: t.input('answers', directions.shape),
      bias: t.input('answers.bias', bias.shape),
    });
    const maps = result.attention.map((map, l) => [`attention.${l}`, map] as const);
    const outputs = { logits: result.logits, ...(inner && Object.fromEntries(maps)) };
    const fixed = { ...paramFeeds(params), answers: directions, 'answers.bias': bias };
    return new HeadRunner(await compile({ outputs }, { ...options, fixed }), features, room);
  }

  /** @param see gets what the head gives of questions `from` to `from + count`, overwritten by the next block */
  async run(
    questions: readonly Question[],
    see: (made: Readonly<Record<string, HostTensor>>, from: number, count: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let from = 0; from < questions.length; from += block) {
      signal?.throwIfAborted();
      const some = questions.slice(from, from + block);
      const whole = [...some, ...Array<Question>(block - some.length).fill(some[0]!)];
      see(await this.program.run(this.features.feeds(whole, this.room)), from, some.length);
      // The runtime blocks this thread: let Ctrl-C and progress through.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The likeliest answer of each question. @param among columns to choose from; left out: all */
  async answers(questions: readonly Question[], names: readonly string[], signal?: AbortSignal): Promise<string[]> {
    const found: string[] = [];
    const see = ({ logits }: Readonly<Record<string, HostTensor>>, _: number, count: number) => {
      const all = logits!.data as Float32Array;
      for (let i = 0; i < count; i++) {
        const row = all.subarray(i * names.length, (i + 1) * names.length);
        found.push(names[row.indexOf(Math.max(...row))]!);
      }
    };
    await this.run(questions, see, signal);
    return found;
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}
