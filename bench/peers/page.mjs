// Runs a side of bench/js-peers.mjs in a page: tensors are fetched by name, and numbers go back as base64.
export function serve(side) {
  let run;
  globalThis.peer = {
    threads: side.threads,
    async start({ tensors, ...job }) {
      const loaded = {};
      for (const [name, { shape }] of Object.entries(tensors)) {
        const response = await fetch(`/tensor?name=${encodeURIComponent(name)}`);
        loaded[name] = { shape, data: new Float32Array(await response.arrayBuffer()) };
      }
      run = side.start({ ...job, tensors: loaded });
    },
    async time() {
      const start = performance.now();
      await run(false);
      return performance.now() - start;
    },
    async read() {
      const numbers = Object.entries(await run(true));
      return Object.fromEntries(await Promise.all(numbers.map(async ([name, data]) => [name, await base64(data)])));
    },
  };
}

function base64(data) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(reader.result.split(',')[1]);
    reader.onerror = () => reject(reader.error);
    // A copy: a Blob takes no shared memory.
    reader.readAsDataURL(new Blob([Float32Array.from(data)]));
  });
}
