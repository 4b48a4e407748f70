import { Random } from '../../../math/index.js';
import type { RawImage } from '../../dataset.js';
import { drawFlaw, type FlawKind } from './flaws.js';
import { valueNoise } from './noise.js';
import { type Colour, otherProducts, products, type Texture } from './textures.js';

/** Side of an image in pixels. */
export const side = 256;

/** Least and most share of an image that a flaw takes. */
export const flawArea = [0.003, 0.3] as const;

/** How clearly the faintest flaws show, of what the clearest do. */
const faintest: Readonly<Record<FlawKind, number>> = {
  scratch: 0.2,
  hole: 0.5,
  stain: 0.12,
  dent: 0.2,
  'missing part': 0.5,
  misprint: 0.3,
};

/** What one image shows; everything that chance decides is drawn from its id. */
export interface SurfaceImage {
  readonly id: string;
  readonly product: string;
  readonly flaw?: FlawKind;
}

export interface RenderedSurface {
  readonly image: RawImage;
  /** 1 where the surface is defective, otherwise 0 [256, 256]; undefined of a sound one. */
  readonly mask?: Uint8Array;
}

/** Draws an image and the mask of its flaw. */
export function renderSurface({ id, product, flaw }: SurfaceImage): RenderedSurface {
  const random = new Random('surfaces', id);
  const texture = { ...products, ...otherProducts }[product as keyof typeof products](random);
  const sound = shade(texture);
  if (flaw === undefined) return { image: photographed(sound, random) };
  const { mask, data } = flawed(texture, sound, flaw, random);
  return { image: photographed(data, random), mask };
}

function shade({ at }: Texture): Float32Array {
  const data = new Float32Array(side * side * 3);
  const colour: Colour = [0, 0, 0];
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i += 3) {
      at(x, y, colour);
      data.set(colour, i);
    }
  }
  return data;
}

/** Draws flaws until one is of an allowed size: where its outline leaves the image, it is smaller than was wanted. */
function flawed(texture: Texture, sound: Float32Array, kind: FlawKind, random: Random) {
  const [least, most] = flawArea;
  const largest = kind === 'scratch' ? 0.025 : most;
  // Small ones are as frequent as large ones, in proportion.
  const area = least * 1.15 * (largest / least / 1.3) ** random.float();
  // Some are hardly to be seen.
  const strength = faintest[kind] + (1 - faintest[kind]) * random.float();
  for (;;) {
    const flaw = drawFlaw(kind, texture, area, side, random);
    const mask = new Uint8Array(side * side);
    const data = sound.slice();
    const colour: Colour = [0, 0, 0];
    let count = 0;
    for (let y = 0, i = 0; y < side; y++) {
      for (let x = 0; x < side; x++, i++) {
        const cover = flaw.cover(x, y);
        if (cover <= 0) continue;
        const at = i * 3;
        for (let c = 0; c < 3; c++) colour[c] = sound[at + c]!;
        flaw.paint(x, y, colour);
        for (let c = 0; c < 3; c++) data[at + c]! += strength * cover * (colour[c]! - sound[at + c]!);
        if (cover <= 0.5) continue;
        mask[i] = 1;
        count++;
      }
    }
    const share = count / (side * side);
    if (share >= least && share <= most) return { mask, data };
  }
}

/** As a camera sees it: uneven light, exposure, and the sensor's noise. */
function photographed(colours: Float32Array, random: Random): RawImage {
  const [exposure, tilt, lean] = [random.uniform(0.94, 1.06), random.uniform(-0.08, 0.08), random.uniform(-0.08, 0.08)];
  const grains = valueNoise(random);
  const data = new Uint8Array(colours.length);
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const light = exposure + tilt * (x / side - 0.5) + lean * (y / side - 0.5);
      // Read at places apart, the field is as good as white noise.
      const noise = 7 * (grains(x * 7.31 + y * 0.37, y * 5.93 + x * 0.71) - 0.5);
      for (let c = 0; c < 3; c++, i++) data[i] = Math.min(255, Math.max(0, Math.round(colours[i]! * light + noise)));
    }
  }
  return { width: side, height: side, channels: 3, data };
}
