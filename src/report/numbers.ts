/** 0.7312 → "73.1". */
export function percent(fraction: number, digits = 1): string {
  return Number.isFinite(fraction) ? (fraction * 100).toFixed(digits) : '–';
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
