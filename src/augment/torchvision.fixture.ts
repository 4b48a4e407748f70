import { readFileSync } from 'node:fs';

interface Draws {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
}

interface Golden {
  readonly size: number;
  readonly picture: string;
  readonly cases: readonly { readonly op: string; readonly args: readonly number[]; readonly rgb: string }[];
  readonly wide: { readonly width: number; readonly height: number; readonly picture: string };
  readonly crops: readonly {
    readonly mode: 'bilinear' | 'bicubic';
    readonly box: readonly [left: number, top: number, width: number, height: number];
    readonly rgb: string;
  }[];
  readonly randAugment: Readonly<Record<string, { readonly signed: boolean; readonly magnitudes: readonly number[] }>>;
  readonly cropDraws: readonly (Draws & {
    readonly picture: readonly [width: number, height: number];
    readonly area: readonly number[];
    readonly aspect: readonly number[];
    readonly left: readonly number[];
  })[];
  readonly eraseDraws: readonly (Draws & {
    readonly size: number;
    readonly area: readonly number[];
    readonly aspect: readonly number[];
    readonly top: readonly number[];
  })[];
}

/** What torchvision made: see fixtures/augment/make-torchvision.py. */
export const golden = JSON.parse(readFileSync('fixtures/augment/torchvision.json', 'utf8')) as Golden;

export const pixelsOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/**
 * The two-sample Kolmogorov-Smirnov distance of draws from torchvision's, of which there are evenly spaced quantiles: the
 * largest difference of the two distribution functions.
 */
export function distance(draws: readonly number[], quantiles: readonly number[]): number {
  const share = (values: readonly number[], x: number) => values.filter((value) => value <= x).length / values.length;
  // Between steps of either function the difference does not grow: a value a little beside each is enough.
  return Math.max(
    ...quantiles.flatMap((q) => [q - 1e-5, q + 1e-5]).map((x) => Math.abs(share(draws, x) - share(quantiles, x))),
  );
}
