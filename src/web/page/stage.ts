import { element } from './dom.js';
import type { Backend, Engine, ImageResult } from './engine.js';

export type Stage = 'loading' | 'failed' | 'empty' | 'image' | 'camera';
/** Where the image on the stage came from. */
export type Shown = { readonly kind: 'file'; readonly file: File } | { readonly kind: 'camera' };

/** Images that the shown time is the median of: a camera's differ from frame to frame. */
const WINDOW = 15;
let times: ImageResult['ms'][] = [];

export function stage(name: Stage): void {
  document.body.dataset.stage = name;
}

/** Bytes of model and runtime fetched so far. */
export function showLoading(done: number, total: number): void {
  const bar = element<HTMLProgressElement>('loading-bar');
  bar.value = total > 0 ? done / total : 0;
  element('loading-text').textContent =
    done < total ? `Loading model and runtime: ${megabytes(done)} of ${megabytes(total)}` : 'Starting the model';
}

export function showBackend({ backend, model }: Engine): void {
  element('backend').textContent = describe(backend);
  element('backend-note').textContent = backend.note ?? '';
  const { vision, text } = model;
  const dtypes = [...new Set([vision.dtype, text.dtype])].join(' and ');
  element('size').textContent = `${megabytes(vision.bytes + text.bytes)}, ${dtypes}`;
  element('time').textContent = milliseconds(backend.warm);
}

function describe({ device, threads }: Backend): string {
  if (device === 'webgpu') return 'WebGPU';
  return `WASM with SIMD, ${threads === 1 ? 'one thread' : `${threads} threads`}`;
}

export async function showImage(shown: Shown): Promise<void> {
  const image = element<HTMLImageElement>('image');
  if (shown.kind === 'file') {
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(shown.file);
    image.alt = `The chosen image, ${shown.file.name}`;
    await image.decode();
    times = [];
  }
  stage(shown.kind === 'file' ? 'image' : 'camera');
}

/** The square that the model saw, pixel by pixel. */
export function showSeen({ seen, size }: ImageResult): void {
  const canvas = element<HTMLCanvasElement>('seen');
  canvas.width = size;
  canvas.height = size;
  const context = canvas.getContext('2d')!;
  const pixels = context.createImageData(size, size);
  for (let from = 0, to = 0; from < seen.length; from += 3, to += 4) {
    pixels.data.set(seen.subarray(from, from + 3), to);
    pixels.data[to + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  element('seen-size').textContent = `${size} × ${size}`;
}

export function showTimes(ms: ImageResult['ms']): void {
  times = [...times, ms].slice(-WINDOW);
  const median = (part: keyof ImageResult['ms']) =>
    times.map((each) => each[part]).sort((a, b) => a - b)[times.length >> 1]!;
  element('time').textContent = milliseconds(median('run'));
  element('time-more').textContent =
    `and ${milliseconds(median('decode'))} to decode, ${milliseconds(median('prepare'))} to resize`;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds = (ms: number) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
