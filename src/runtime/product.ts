import type * as ort from 'onnxruntime-node';
import { type HostTensor, input, matmul, toOnnx } from '../tensor/index.js';
import { ortTensor } from './ort-tensor.js';
import { openSession } from './session.js';

/** Made at the first product of their kind, and kept: sizes are open. */
const sessions = new Map<boolean, Promise<ort.InferenceSession>>();

/**
 * A matrix product of arrays on the CPU, for linear algebra beside the traced programs: a b, or a bᵀ.
 *
 * @param a [M, K]
 * @param b [K, N], or [N, K] where it is transposed
 * @returns [M, N], a new array
 * @throws where the inner sizes differ
 */
export async function product(
  a: HostTensor,
  b: HostTensor,
  { transposeB = false }: { readonly transposeB?: boolean } = {},
): Promise<HostTensor<Float32Array>> {
  const session = sessions.get(transposeB) ?? productSession(transposeB);
  sessions.set(transposeB, session);
  const { y } = await (await session).run({ a: ortTensor(a), b: ortTensor(b) });
  return { shape: y!.dims, data: y!.data as Float32Array };
}

async function productSession(transposeB: boolean): Promise<ort.InferenceSession> {
  const [a, b] = [input('a', ['M', 'K']), input('b', transposeB ? ['N', 'K'] : ['K', 'N'])];
  const { bytes } = toOnnx({ outputs: { y: matmul(a, b, { transposeB }) }, fused: true });
  return openSession(bytes, 'cpu');
}
