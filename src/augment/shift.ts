/** Where output pixel (x, y) lies in the source: (a·x + b·y + c, d·x + e·y + f). */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** x from x + level · y: an image leaning to its side. */
export const shearX = (level: number): Affine => [1, level, 0, 0, 1, 0];
export const shearY = (level: number): Affine => [1, 0, 0, level, 1, 0];
/** To the right and downwards, in pixels. */
export const translate = (right: number, down: number): Affine => [1, 0, -right, 0, 1, -down];

/** Counter-clockwise about the centre of a square, in degrees. */
export function rotate(degrees: number, size: number): Affine {
  const angle = (-degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const middle = size / 2;
  return [cos, sin, middle * (1 - cos - sin), -sin, cos, middle * (1 + sin - cos)];
}

/**
 * Moves pixels to where an affine map takes them from, the nearest one; black where that is beside the image. Pillow's
 * fixed-point arithmetic: torchvision's default in RandAugment.
 *
 * @param rgb [size, size, 3], changed in place
 */
export function shiftPixels(rgb: Uint8Array, size: number, [a, b, c, d, e, f]: Affine): void {
  const fixed = (x: number) => Math.floor(x * 65536 + 0.5);
  const from = rgb.slice();
  const [stepX, stepY] = [fixed(a), fixed(d)];
  for (let y = 0; y < size; y++) {
    let sx = fixed(c + a * 0.5 + b * 0.5) + y * fixed(b);
    let sy = fixed(f + d * 0.5 + e * 0.5) + y * fixed(e);
    for (let x = 0; x < size; x++, sx += stepX, sy += stepY) {
      const [fromX, fromY] = [Math.floor(sx / 65536), Math.floor(sy / 65536)];
      const to = (y * size + x) * 3;
      const inside = fromX >= 0 && fromX < size && fromY >= 0 && fromY < size;
      const at = (fromY * size + fromX) * 3;
      for (let channel = 0; channel < 3; channel++) rgb[to + channel] = inside ? from[at + channel]! : 0;
    }
  }
}
