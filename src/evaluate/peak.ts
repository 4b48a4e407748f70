import { compile, type Device } from '../runtime/index.js';
import { elements, input, matmul, mean } from '../tensor/index.js';

/** Rows, and the widths that a chain of products carries them through: square ones, and those of ViT-B and ViT-L blocks. */
const chains: readonly { readonly rows: number; readonly widths: readonly number[] }[] = [
  { rows: 2048, widths: [2048, 2048, 2048, 2048] },
  { rows: 1024, widths: [1024, 1024, 1024, 1024, 1024] },
  { rows: 1608, widths: [768, 3072, 768, 3072, 768] },
  { rows: 2056, widths: [1024, 4096, 1024] },
];

/**
 * What the machine can do, as one figure: GFLOP/s of the fastest of several matrix products, six runs each, the right
 * matrices packed before. Each run is a chain of products that ends in a mean: ONNX Runtime copies every output, which a
 * single product's time would count.
 */
export async function peakGflops(
  options: { readonly device?: Device; readonly threads?: number } = {},
): Promise<number> {
  let best = 0;
  for (const { rows, widths } of chains) {
    const filled = (shape: number[], value: number) => ({ shape, data: new Float32Array(elements(shape)).fill(value) });
    let chain = input('x', [rows, widths[0]!]);
    let flops = 0;
    const fixed: Record<string, ReturnType<typeof filled>> = {};
    for (const [i, to] of widths.slice(1).entries()) {
      const from = widths[i]!;
      fixed[`w${i}`] = filled([from, to], 1 / from);
      chain = matmul(chain, input(`w${i}`, [from, to]));
      flops += 2 * rows * from * to;
    }
    const program = await compile({ outputs: { mean: mean(chain) } }, { ...options, fixed });
    try {
      const x = filled([rows, widths[0]!], 1);
      for (let run = 0; run < 6; run++) {
        const start = performance.now();
        await program.run({ x });
        best = Math.max(best, flops / (performance.now() - start) / 1e6);
      }
    } finally {
      await program.dispose();
    }
  }
  return best;
}
