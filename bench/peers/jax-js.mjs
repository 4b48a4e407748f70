// The work of bench/js-peers.mjs in jax-js on its WASM device, every step one `jit`. Arrays are consumed where they are used:
// `.ref` keeps one.
export const packages = ['@jax-js/jax'];
/** It builds its WASM itself. */
export const files = undefined;

export async function open([jax], { threads }) {
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  const start = (job) => (job.work === 'product' ? productOf(jax, job) : stepOf(jax, job));
  // Its workers number `navigator.hardwareConcurrency`, and it has none where there is no `Worker`: Node.
  return { threads: typeof Worker === 'undefined' || typeof SharedArrayBuffer === 'undefined' ? 1 : threads, start };
}

/** Arrays by name on the device. */
async function load({ jax, tensors }) {
  const arrays = {};
  for (const [name, { data, shape }] of Object.entries(tensors)) arrays[name] = jax.numpy.array(data).reshape(shape);
  await jax.blockUntilReady(arrays);
  return arrays;
}

/** Waits for all arrays and frees them; with `read` gives their numbers. */
async function finish(jax, outputs, read) {
  await jax.blockUntilReady(outputs);
  const numbers = {};
  for (const [name, array] of Object.entries(outputs)) {
    if (read) numbers[name] = await array.data();
    else array.dispose();
  }
  return read ? numbers : undefined;
}

function productOf(jax, { tensors }) {
  const arrays = load({ jax, tensors });
  return async (read) => {
    const { a, b } = await arrays;
    return finish(jax, { c: jax.numpy.matmul(a.ref, b.ref) }, read);
  };
}

function stepOf(jax, { work, tensors, heads, learningRate }) {
  if (typeof Iterator === 'undefined') throw new Error('jax-js: its einsum needs Node 22 or later, or Chromium');
  const np = jax.numpy;
  const { x: input, ...params } = tensors;
  const arrays = load({ jax, tensors: { x: input } });
  const loaded = load({ jax, tensors: params });
  const loss = (x, w) => np.mean(np.square(block(jax, heads, x, w)));
  const full = work === 'full';
  const differentiate = jax.valueAndGrad(loss, { argnums: full ? [0, 1] : 0 });
  const step = jax.jit((x, w) => {
    if (work === 'forward') return { y: block(jax, heads, x, w) };
    if (!full) {
      const [loss, dx] = differentiate(x, w);
      return { loss, dx };
    }
    const [loss, [dx, dw]] = differentiate(x, jax.tree.ref(w));
    const next = {};
    for (const name of Object.keys(w)) next[name] = w[name].sub(dw[name].ref.mul(learningRate));
    return { loss, dx, dw, next };
  });
  let weights;
  return async (read) => {
    const { x } = await arrays;
    weights ??= await loaded;
    const { dx, dw = {}, next, ...outputs } = step(x.ref, full ? weights : jax.tree.ref(weights));
    if (next) {
      weights = next;
      await jax.blockUntilReady(weights);
    }
    if (dx) outputs['d/x'] = dx;
    for (const name of Object.keys(dw)) outputs[`d/${name}`] = dw[name];
    return finish(jax, outputs, read);
  };
}

/** A pre-norm ViT block of tokens x [B, T, D]; consumes the weights. */
function block(jax, heads, x, w) {
  const { numpy: np, nn } = jax;
  const name = 'encoder.layers.0';
  const [batch, tokens, width] = x.shape;
  const dense = (part, x) =>
    np.matmul(x, np.matrixTranspose(w[`${name}.${part}.weight`])).add(w[`${name}.${part}.bias`]);
  const norm = (part, x) => nn.standardize(x).mul(w[`${name}.${part}.weight`]).add(w[`${name}.${part}.bias`]);
  const h = norm('layer_norm1', x.ref);
  const [q, k, v] = [h.ref, h.ref, h].map((h, i) =>
    dense(`self_attn.${'qkv'[i]}_proj`, h).reshape([batch, tokens, heads, width / heads]),
  );
  const mixed = nn.dotProductAttention(q, k, v).reshape([batch, tokens, width]);
  const middle = x.add(dense('self_attn.out_proj', mixed));
  const inner = dense('mlp.fc1', norm('layer_norm2', middle.ref));
  return middle.add(dense('mlp.fc2', inner.ref.mul(nn.sigmoid(inner.mul(1.702)))));
}
