/** Left, top, width and height, as shares of the square that a model sees. */
export type Region = readonly [left: number, top: number, width: number, height: number];

/** The box of the patches that are attended to at least half as much as the most. @param attention [P], a square grid */
export function regionOf(attention: Float32Array): Region {
  const side = Math.round(Math.sqrt(attention.length));
  const least = Math.max(...attention) / 2;
  let [left, top, right, bottom] = [side, side, 0, 0];
  for (const [p, share] of attention.entries()) {
    if (share < least) continue;
    const [x, y] = [p % side, Math.floor(p / side)];
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  return [left / side, top / side, (right - left) / side, (bottom - top) / side];
}
