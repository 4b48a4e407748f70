import type { Paint } from './things.js';

/** All in shades of the paint: somewhat darker where the drawing is dark, towards white where it is light. */
export function painted(rgba: Uint8Array, { rgb }: Paint): Uint8Array {
  const out = Uint8Array.from(rgba);
  for (let i = 0; i < out.length; i += 4) {
    const light = (0.299 * out[i]! + 0.587 * out[i + 1]! + 0.114 * out[i + 2]!) / 255;
    for (let c = 0; c < 3; c++) {
      const colour = rgb[c]!;
      out[i + c] = light < 0.5 ? colour * (0.8 + 0.4 * light) : colour + (255 - colour) * (light - 0.5);
    }
  }
  return out;
}
