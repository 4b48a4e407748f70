import { tokenizeAll } from '../clip/index.js';
import { type Rows, toUnitRows } from '../math/index.js';
import { type TowerModel, textEncoder, textLimit } from '../model/index.js';
import { type Params, paramFeeds, paramInputs } from '../nn/index.js';
import { deepPrompts } from '../prompt/index.js';
import { type CompileOptions, compile, type Runnable } from '../runtime/index.js';
import { type HostTensor, input, l2Normalize } from '../tensor/index.js';
import { type Bank, isRouted } from './bank.js';
import { bankImages, bankWeights, plainModel, sharedInputs } from './bank-graph.js';
import { taskTextFeatures, taskTextLimit } from './task-prompts.js';

type EngineOptions = Pick<CompileOptions, 'device' | 'threads'>;

/** Images through a bank. All rows are of unit length. */
export interface EncodedByBank {
  readonly plain: Rows;
  readonly routed: Rows;
  /** Index of each image's task; the number of tasks where none is recognised, or where images are not routed. */
  readonly task: Int32Array;
}

/** A bank's image side, for `batch` images at a time. */
export class BankImageEncoder {
  private constructor(
    private readonly program: Runnable,
    private readonly none: number,
  ) {}

  static async open(bank: Bank, batch: number, options: EngineOptions = {}): Promise<BankImageEncoder> {
    const { size } = bank.frozen.preprocess;
    const { plain, routed, task } = bankImages(bank, input('pixels', [batch, 3, size, size]));
    const outputs = { plain, routed, ...(task && { task }) };
    const program = await compile({ outputs }, { ...options, fixed: bankWeights(bank) });
    return new BankImageEncoder(program, bank.tasks.length);
  }

  /** Pixels [batch, 3, S, S] → what is made of them, overwritten by the next call. */
  async run(pixels: HostTensor<Float32Array>): Promise<EncodedByBank> {
    const { plain, routed, task } = await this.program.run({ pixels });
    const [count, width] = plain!.shape as [number, number];
    const rows = ({ data }: HostTensor): Rows => ({ data: data as Float32Array, count, width });
    return {
      plain: rows(plain!),
      routed: rows(routed!),
      task: task ? (task.data as Int32Array) : new Int32Array(count).fill(this.none),
    };
  }

  dispose(): Promise<void> {
    return this.program.dispose();
  }
}

const block = 64;

/**
 * Text features as one of the bank's tasks has them.
 *
 * @param task index; left out: those of the plain student
 * @returns unit rows, one a text
 * @throws UserError for texts that a visual student does not know
 */
export async function bankTexts(
  bank: Bank,
  texts: readonly string[],
  task?: number,
  options: EngineOptions = {},
): Promise<Rows> {
  const prompts = task === undefined ? {} : textPromptsOf(bank.tasks[task]!.prompts);
  if (Object.keys(prompts).length > 0) return promptedTexts(bank, prompts, texts, options);
  return plainTexts(task === undefined || !isRouted(bank) ? plainModel(bank) : bank.frozen, texts, options);
}

const textPromptsOf = (prompts: Params): Params =>
  Object.fromEntries(Object.entries(prompts).filter(([name]) => name.startsWith('text.')));

async function promptedTexts(bank: Bank, prompts: Params, texts: readonly string[], options: EngineOptions) {
  const { frozen } = bank;
  const read = tokenizeAll(frozen.tokenizer, texts, taskTextLimit(frozen, prompts));
  const [ids, ends] = [input('ids', [block, read.length], 'int32'), input('ends', [block], 'int32')];
  const own = deepPrompts(paramInputs(prompts, 'task/'), 'text');
  const features = l2Normalize(taskTextFeatures(sharedInputs(bank), frozen, own, ids, ends));
  const program = await compile(
    { outputs: { features } },
    { ...options, fixed: { ...bankWeights(bank), ...paramFeeds(prompts, 'task/') } },
  );
  const fed = {
    ids: { shape: [block, read.length], data: new Int32Array(block * read.length) },
    ends: { shape: [block], data: new Int32Array(block) },
  };
  const run = async (part: typeof read) => {
    // Rows behind the texts keep what they had: their features are dropped.
    fed.ids.data.set(part.ids);
    fed.ends.data.set(part.ends);
    return (await program.run(fed)).features!;
  };
  return inBlocks(read, texts.length, frozen.config.projection_dim, run, () => program.dispose());
}

async function plainTexts(model: TowerModel, texts: readonly string[], options: EngineOptions): Promise<Rows> {
  const read = tokenizeAll(model.tokenizer, texts, textLimit(model));
  const encoder = await textEncoder(model, block, read.length, options);
  return inBlocks(read, texts.length, model.config.projection_dim, encoder.run, () => encoder.dispose());
}

async function inBlocks(
  { ids, ends, length }: ReturnType<typeof tokenizeAll>,
  total: number,
  width: number,
  run: (part: { ids: Int32Array; ends: Int32Array; length: number }) => Promise<HostTensor>,
  dispose: () => Promise<void>,
): Promise<Rows> {
  const data = new Float32Array(total * width);
  try {
    for (let from = 0; from < total; from += block) {
      const count = Math.min(block, total - from);
      const part = {
        ids: ids.slice(from * length, (from + count) * length),
        ends: ends.slice(from, from + count),
        length,
      };
      data.set((await run(part)).data.subarray(0, count * width) as Float32Array, from * width);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await dispose();
  }
  return toUnitRows({ data, count: total, width });
}
