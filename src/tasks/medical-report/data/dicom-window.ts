/** How values become grey: a window, by its middle and width. */
export interface Windowing {
  readonly centre: number;
  readonly width: number;
  readonly shape: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';
}

export interface Display {
  /** MONOCHROME1: the smallest value is white. */
  readonly inverted: boolean;
  readonly slope: number;
  readonly intercept: number;
  /** The stored value that stands for no pixel; it is black. */
  readonly padding?: number;
}

/**
 * Stored values as grey levels 0 … 255: value · slope + intercept, then the window. DICOM PS3.3 C.11.2.1.2: linear,
 * ((x − (c − 0.5)) / (w − 1) + 0.5) · 255 within the window; linear exact, ((x − c) / w + 0.5) · 255; sigmoid,
 * 255 / (1 + exp(−4 (x − c) / w)). Without a window, from the smallest value to the largest.
 */
export function displayed(values: Int32Array, window: Windowing | undefined, display: Display): Uint8Array {
  const { inverted, slope, intercept, padding } = display;
  const share = window ? windowed(window) : stretched(values, display);
  return Uint8Array.from(values, (value) => {
    if (value === padding) return 0;
    const light = Math.max(0, Math.min(1, share(value * slope + intercept)));
    return Math.round(255 * (inverted ? 1 - light : light));
  });
}

function windowed({ centre: c, width: w, shape }: Windowing): (x: number) => number {
  if (shape === 'SIGMOID') return (x) => 1 / (1 + Math.exp((-4 * (x - c)) / w));
  if (shape === 'LINEAR_EXACT') return (x) => (x - c) / w + 0.5;
  // A window of width 1 is a threshold.
  if (w <= 1) return (x) => (x <= c - 0.5 ? 0 : 1);
  return (x) => (x - (c - 0.5)) / (w - 1) + 0.5;
}

function stretched(values: Int32Array, { slope, intercept, padding }: Display): (x: number) => number {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value === padding) continue;
    const x = value * slope + intercept;
    if (x < least) least = x;
    if (x > most) most = x;
  }
  return most > least ? (x) => (x - least) / (most - least) : () => 0;
}
