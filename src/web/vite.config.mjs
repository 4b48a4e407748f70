import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';
import { contentSecurityPolicy } from './worker/policy.ts';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));

/** ONNX Runtime loads its own files by name: with WebGPU, and the half as large one without. */
const runtimeFiles = ['', '.asyncify'].flatMap((kind) =>
  ['mjs', 'wasm'].map((ending) => `ort-wasm-simd-threaded${kind}.${ending}`),
);

// Names without hashes: the service worker's version stands for all files.
const output = { entryFileNames: '[name].js', chunkFileNames: '[name].js', assetFileNames: '[name].[ext]' };

/** The page of `promptkd web`, bundled with all that it needs. */
export default defineConfig({
  root: here('page'),
  base: './',
  publicDir: false,
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'browser', 'module', 'import'] },
  worker: { format: 'es', rolldownOptions: { output } },
  build: {
    outDir: here('../../dist/web/page'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    target: 'es2022',
    rolldownOptions: {
      input: { index: here('page/index.html'), engine: here('page/engine.ts'), sw: here('worker/sw.ts') },
      preserveEntrySignatures: 'strict',
      checks: { pluginTimings: false },
      output,
    },
  },
  plugins: [
    {
      name: 'content-security-policy',
      transformIndexHtml: (html) =>
        // Behind Vite's own look at links: "promptkd web" writes that file beside the page.
        html
          .replace('%CSP%', contentSecurityPolicy)
          .replace('</title>', '</title>\n<link rel="manifest" href="./app.webmanifest">'),
    },
    {
      name: 'onnxruntime-files',
      generateBundle() {
        for (const file of runtimeFiles) {
          const source = readFileSync(join(runtime, file));
          // The page unpacks them itself (worker/runtime.ts): 14 MB of WebAssembly are 4 on the way.
          const isBinary = file.endsWith('.wasm');
          this.emitFile({
            type: 'asset',
            fileName: `ort/${file}${isBinary ? '.gz' : ''}`,
            source: isBinary ? gzipSync(source, { level: 9 }) : source,
          });
        }
      },
    },
  ],
});
