import { compile, type Device } from '../runtime/index.js';
import { elements, input, matmul } from '../tensor/index.js';

const size = 2048;

/** What the machine can do, as one figure: GFLOP/s of the fastest of ten products 2048³, its right matrix packed before. */
export async function peakGflops(
  options: { readonly device?: Device; readonly threads?: number } = {},
): Promise<number> {
  const shape = [size, size];
  const filled = (value: number) => ({ shape, data: new Float32Array(elements(shape)).fill(value) });
  const product = matmul(input('left', shape), input('right', shape));
  const program = await compile({ outputs: { product } }, { ...options, frozen: { right: filled(0.5) } });
  try {
    let fastest = Number.POSITIVE_INFINITY;
    const left = filled(1);
    for (let run = 0; run < 10; run++) {
      const start = performance.now();
      await program.run({ left });
      fastest = Math.min(fastest, performance.now() - start);
    }
    return (2 * size ** 3) / fastest / 1e6;
  } finally {
    await program.dispose();
  }
}
