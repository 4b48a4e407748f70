import type { Interval } from '../math/index.js';

/** 0.7312 → "73.1". */
export function percent(fraction: number, digits = 1): string {
  return Number.isFinite(fraction) ? (fraction * 100).toFixed(digits) : '–';
}

/** A measured share: "57.2 % (54.2–60.2)", with its 95 % interval. */
export function accuracy({ value, low, high }: Interval): string {
  return `${percent(value)} % (${percent(low)}–${percent(high)})`;
}

/** What guessing reaches: 0.00286 → "0.29 %". Two digits, as it is often below one per cent. */
export function chancePercent(fraction: number): string {
  return `${Number((fraction * 100).toPrecision(2))} %`;
}

/** 13.93 → "13.9", 1.04 → "1.04": at least two digits behind which a ratio of two measured values can be checked. */
export function ratio(n: number): string {
  return n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2);
}

/** 0.3841 → "0.38 ms", 12.34 → "12.3 ms": at least two digits, so that ratios of latencies can be checked. */
export function milliseconds(ms: number): string {
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 0.1 ? ms.toFixed(2) : ms.toPrecision(2)} ms`;
}

/** 3512000 → "3.51 M". */
export function count(n: number): string {
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)} M`;
  if (n >= 1e4) return `${(n / 1e3).toPrecision(3)} k`;
  return n.toLocaleString('en-GB');
}

/** 7024000 → "7.02 MB". */
export function bytes(n: number): string {
  return n >= 1e6 ? `${(n / 1e6).toPrecision(3)} MB` : `${(n / 1e3).toPrecision(3)} kB`;
}

/** 431 → "7 min 11 s". */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** A tick or a last value: three significant digits, no needless zeros. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 10_000 || size < 0.001) return value.toExponential(1).replace('e+', 'e');
  return String(Number(value.toPrecision(3)));
}
