// The work of bench/js-peers.mjs in TensorFlow.js with its WASM backend, written for what that backend does fast: XNNPACK
// multiplies two plain matrices; a product with `transposeA`, `transposeB` or of a batch goes through a loop without SIMD, 50
// times slower. So matrices are transposed before, and attention goes head by head.
export const packages = ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'];
/** Files that a page fetches beside the code. */
export const files = /tfjs-backend-wasm.*\.wasm$/;

/** @param wasmPath where a page finds the `.wasm` files; Node finds them itself */
export async function open([tf, wasm], { threads, wasmPath }) {
  if (wasmPath) {
    wasm.setWasmPaths(wasmPath);
    // It takes half of these at most, even where more are asked for.
    Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 * threads });
  }
  wasm.setThreadsCount(threads);
  await tf.setBackend('wasm');
  const start = (job) => (job.work === 'product' ? productOf(tf, job) : stepOf(tf, job));
  return { threads: wasm.getThreadsCount(), start };
}

function productOf(tf, { tensors }) {
  const [a, b] = ['a', 'b'].map((name) => tf.tensor(tensors[name].data, tensors[name].shape));
  return async (read) => {
    const c = tf.matMul(a, b);
    const outputs = read ? { c: await c.data() } : undefined;
    c.dispose();
    return outputs;
  };
}

function stepOf(tf, { work, tensors, heads, learningRate }) {
  const full = work === 'full';
  const { x: input, ...params } = tensors;
  const x = tf.tensor(input.data, input.shape);
  const names = Object.keys(params);
  const weights = {};
  const transposed = {};
  for (const [name, { data, shape }] of Object.entries(params)) {
    const given = tf.tensor(data, shape);
    weights[name] = shape.length === 2 ? given.transpose() : given; // [in, out]
    transposed[name] = given;
  }
  const product = tf.customGrad((a, b, save) => {
    save([a, b]);
    const gradFunc = (dy, [a, b]) => [tf.matMul(dy, b.transpose()), tf.matMul(a.transpose(), dy)];
    return { value: tf.matMul(a, b), gradFunc };
  });
  // `customGrad` computes every gradient: a frozen weight must be no argument.
  const frozenProduct = (a, name) =>
    tf.customGrad((a) => ({
      value: tf.matMul(a, weights[name]),
      gradFunc: (dy) => tf.matMul(dy, transposed[name]),
    }))(a);
  const [batch, tokens, width] = input.shape;
  const forward = (x, w) => {
    const dense = (name, x) =>
      (full ? product(x, w[`${name}.weight`]) : frozenProduct(x, `${name}.weight`)).add(w[`${name}.bias`]);
    const norm = (name, x) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(w[`${name}.weight`]).add(w[`${name}.bias`]);
    };
    return block({ tf, product, dense, norm, heads, batch, tokens, width }, x.reshape([-1, width])).reshape(x.shape);
  };
  const loss = (x, ...list) =>
    forward(x, list.length ? named(names, list) : weights)
      .square()
      .mean();
  return async (read) => {
    if (work === 'forward') {
      const y = tf.tidy(() => forward(x, weights));
      const outputs = read ? { y: await y.data() } : undefined;
      y.dispose();
      return outputs;
    }
    const trained = full ? names.map((name) => weights[name]) : [];
    const { value, grads } = tf.valueAndGrads(loss)([x, ...trained]);
    const outputs = read ? { loss: await value.data() } : undefined;
    for (const [i, gradient] of grads.entries()) {
      const name = i === 0 ? 'x' : names[i - 1];
      if (read) {
        const given = i > 0 && gradient.rank === 2 ? gradient.transpose() : gradient;
        outputs[`d/${name}`] = await given.data();
      }
      if (i === 0) continue;
      const old = weights[name];
      weights[name] = tf.tidy(() => old.sub(gradient.mul(learningRate)));
      old.dispose();
    }
    tf.dispose([value, grads]);
    return outputs;
  };
}

const named = (names, list) => Object.fromEntries(names.map((name, i) => [name, list[i]]));

/** A pre-norm ViT block of tokens [B·T, D]. */
function block({ tf, product, dense, norm, heads, batch, tokens, width }, x) {
  const name = 'encoder.layers.0';
  const size = width / heads;
  const split = (part, x, order, shape) =>
    dense(`${name}.self_attn.${part}_proj`, x).reshape([batch, tokens, heads, size]).transpose(order).reshape(shape);
  const each = (a, b) => {
    const right = tf.unstack(b);
    return tf.stack(tf.unstack(a).map((left, i) => product(left, right[i])));
  };
  const h = norm(`${name}.layer_norm1`, x);
  const q = split('q', h, [0, 2, 1, 3], [-1, tokens, size]).mul(size ** -0.5);
  const k = split('k', h, [0, 2, 3, 1], [-1, size, tokens]);
  const v = split('v', h, [0, 2, 1, 3], [-1, tokens, size]);
  const mixed = each(tf.softmax(each(q, k)), v); // [B·H, T, d]
  const joined = mixed.reshape([batch, heads, tokens, size]).transpose([0, 2, 1, 3]).reshape([-1, width]);
  const middle = x.add(dense(`${name}.self_attn.out_proj`, joined));
  const inner = dense(`${name}.mlp.fc1`, norm(`${name}.layer_norm2`, middle));
  return middle.add(dense(`${name}.mlp.fc2`, inner.mul(inner.mul(1.702).sigmoid())));
}
