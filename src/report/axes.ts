/** About `wanted` round numbers (1, 2, 5 times a power of ten) within [low, high]. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.99) ?? rough;
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9) + 1e-12; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** Multiples of the powers of ten within [low, high], by default 1 and 3 times. */
export function logTicks(low: number, high: number, multiples: readonly number[] = [1, 3]): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const m of multiples) if (m * 10 ** power >= low && m * 10 ** power <= high) found.push(m * 10 ** power);
  }
  return found;
}

/** A range that is not empty. */
export const widened = (low: number, high: number): [number, number] =>
  high > low ? [low, high] : [low, low + Math.max(1e-6, Math.abs(low) * 0.1)];

/** A coordinate as it stands in SVG. */
export const at = (x: number) => x.toFixed(1);

/** About how wide a text of this font size is drawn. The fonts of readers differ: it errs on the wide side. */
export const textWidth = (text: string, fontSize: number) => text.length * fontSize * 0.56;
