import { FusedLoop } from '../runtime/index.js';
import { add, div, type HostTensor, input } from '../tensor/index.js';

const share = div(input('one', ['n']), input('batches', []));
const first = new FusedLoop(() => ({ mean: share }));
const further = new FusedLoop(() => ({ mean: add(input('mean', ['n']), share) }));

type Outputs = Readonly<Record<string, HostTensor>>;

/**
 * Gradient accumulation: a program's outputs, averaged over the batches of a step. Losses and gradients that are means over a
 * batch come out as those of one batch that is as large as all of them.
 */
export class OutputMeans {
  private readonly means: Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }> = {};

  /** @param batches of a step; the outputs of a single one are handed on as they are */
  constructor(private readonly batches: number) {}

  /**
   * @param run runs the program on batch `i` of the step, counted from 0; it may overwrite what it returned before
   * @returns arrays that the next step overwrites
   */
  async of(run: (i: number) => Promise<Outputs>): Promise<Outputs> {
    if (this.batches === 1) return run(0);
    for (let i = 0; i < this.batches; i++) {
      for (const [name, { shape, data }] of Object.entries(await run(i))) {
        this.means[name] ??= { shape, data: new Float32Array(data.length) };
        const mean = this.means[name].data;
        const one = data as Float32Array;
        (i === 0 ? first : further).run({ one, mean }, { batches: this.batches }, { mean });
      }
    }
    return this.means;
  }
}
