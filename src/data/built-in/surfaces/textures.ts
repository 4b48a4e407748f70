import type { Random } from '../../../math/index.js';
import { circuitBoard } from './circuit-board.js';
import { fractalNoise, valueNoise } from './noise.js';

/** Red, green and blue, 0 to 255. */
export type Colour = [red: number, green: number, blue: number];

/** A sound surface, given by the colour of each place; what it shows beyond the image's edges is defined, too. */
export interface Texture {
  /** x, y in pixels → colour, written into `out`. */
  readonly at: (x: number, y: number, out: Colour) => void;
  /** What shows where a part of the surface is missing. */
  readonly under: (x: number, y: number, out: Colour) => void;
  /** Where parts are that may be missing: left, top, width, height in pixels. Left out: anywhere. */
  readonly parts?: readonly (readonly [number, number, number, number])[];
}

/** Makes one item's surface: no two are alike. */
type Maker = (random: Random) => Texture;

const paint = (out: Colour, [r, g, b]: Colour, light: number) => {
  out[0] = r * light;
  out[1] = g * light;
  out[2] = b * light;
};

/** Plain weave: threads that go over and under each other, each a little thicker or thinner. */
const fabric: Maker = (random) => {
  const [period, tone] = [random.uniform(7.5, 8.5), random.uniform(0.92, 1.08)];
  const [wobble, fuzz] = [valueNoise(random), valueNoise(random)];
  const [warp, weft]: [Colour, Colour] = [
    [72, 92, 138],
    [98, 116, 158],
  ];
  return {
    at(x, y, out) {
      const u = (x + 2.2 * wobble(x / 40, y / 90)) / period;
      const v = (y + 2.2 * wobble(y / 40 + 31, x / 90)) / period;
      const over = (Math.floor(u) + Math.floor(v)) % 2 === 0;
      const [across, along] = over ? [u, v] : [v, u];
      const round = Math.sin(Math.PI * (across - Math.floor(across)));
      const arch = 0.75 + 0.25 * Math.sin(Math.PI * (along - Math.floor(along)));
      paint(out, over ? warp : weft, tone * (0.45 + 0.6 * round * arch) * (0.88 + 0.24 * fuzz(x / 2, y / 2)));
    },
    under(x, y, out) {
      paint(out, [38, 36, 40], 0.8 + 0.4 * fuzz(x / 3, y / 3));
    },
  };
};

/** Brushed steel: streaks along one direction, and a soft highlight. */
const metal: Maker = (random) => {
  const [streaks, broad, grain] = [valueNoise(random), valueNoise(random), valueNoise(random)];
  const [phase, tone] = [random.uniform(0, 6.28), random.uniform(0.95, 1.05)];
  return {
    at(x, y, out) {
      const brush = 0.6 * streaks(x / 70, y / 1.3) + 0.4 * streaks(x / 25 + 40, y / 0.8);
      const light = 0.86 + 0.1 * Math.sin(y / 60 + phase) + 0.12 * broad(x / 90, y / 60);
      paint(out, [176, 180, 186], tone * light * (0.8 + 0.34 * brush + 0.05 * grain(x, y)));
    },
    under(x, y, out) {
      paint(out, [120, 118, 112], 0.85 + 0.3 * grain(x / 2, y / 2));
    },
  };
};

/** Sawn wood: growth rings cut lengthwise, and fine pores. */
const wood: Maker = (random) => {
  const [bend, pores, shade] = [fractalNoise(random, 2), valueNoise(random), valueNoise(random)];
  const [start, tone, spacing] = [random.uniform(0, 50), random.uniform(0.94, 1.06), random.uniform(11, 14)];
  return {
    at(x, y, out) {
      const ring = (y + start + 26 * bend(x / 150, y / 55)) / spacing;
      const t = ring - Math.floor(ring);
      const late = t ** 3; // a ring darkens towards its end
      const pore = Math.max(0, pores(x / 12, y / 1.1) - 0.72) * 1.4;
      paint(out, [196, 148, 96], tone * (1.02 - 0.3 * late - pore + 0.1 * (shade(x / 60, y / 30) - 0.5)));
    },
    under(x, y, out) {
      paint(out, [150, 108, 66], 0.8 + 0.35 * pores(x / 2, y / 2));
    },
  };
};

/** Glazed tiles with joints, marbled a little. */
const tile: Maker = (random) => {
  const [vein, grout, gloss] = [fractalNoise(random, 3), valueNoise(random), valueNoise(random)];
  const [dx, dy, tone] = [random.uniform(-8, 8), random.uniform(-8, 8), random.uniform(0.96, 1.04)];
  const [pitch, joint] = [86, 4];
  return {
    at(x, y, out) {
      const [u, v] = [(((x + dx) % pitch) + pitch) % pitch, (((y + dy) % pitch) + pitch) % pitch];
      if (u < joint || v < joint) return paint(out, [120, 116, 110], 0.8 + 0.35 * grout(x / 1.5, y / 1.5));
      const edge = Math.min(u - joint, v - joint, pitch - u, pitch - v);
      const bevel = edge < 4 ? 0.9 + 0.025 * edge : 1;
      const line = 1 - Math.min(1, 9 * Math.abs(vein(x / 70, y / 70) - 0.5));
      paint(out, [214, 206, 190], tone * bevel * (0.97 - 0.13 * line + 0.05 * gloss(x / 30, y / 30)));
    },
    under(x, y, out) {
      paint(out, [142, 92, 70], 0.75 + 0.45 * grout(x / 2, y / 2));
    },
  };
};

/** Leather: cells of different size between creases. */
const leather: Maker = (random) => {
  const [jitter, fine, shade] = [valueNoise(random), valueNoise(random), fractalNoise(random, 2)];
  const tone = random.uniform(0.92, 1.08);
  const cell = 9;
  const centre = (i: number, j: number, which: number) => 0.15 + 0.7 * jitter(i * 1.37 + which * 17.3, j * 1.91);
  return {
    at(x, y, out) {
      const [u, v] = [x / cell, y / cell];
      let [first, second] = [9, 9];
      for (let j = Math.floor(v) - 1; j <= Math.floor(v) + 1; j++) {
        for (let i = Math.floor(u) - 1; i <= Math.floor(u) + 1; i++) {
          const d = Math.hypot(u - i - centre(i, j, 0), v - j - centre(i, j, 1));
          if (d < first) [first, second] = [d, first];
          else if (d < second) second = d;
        }
      }
      const crease = Math.min(1, (second - first) * 3.2);
      paint(out, [118, 70, 46], tone * (0.6 + 0.42 * crease + 0.1 * fine(x, y)) * (0.9 + 0.2 * shade(x / 60, y / 60)));
    },
    under(x, y, out) {
      paint(out, [168, 132, 102], 0.8 + 0.35 * fine(x / 2, y / 2));
    },
  };
};

/** Cast concrete: clouds, sand and some pores. */
const concrete: Maker = (random) => {
  const [clouds, sand, pores] = [fractalNoise(random, 4), valueNoise(random), valueNoise(random)];
  const tone = random.uniform(0.94, 1.06);
  return {
    at(x, y, out) {
      const pore = pores(x / 3, y / 3) > 0.965 ? 0.3 : 0;
      paint(out, [158, 156, 150], tone * (0.78 + 0.3 * clouds(x / 60, y / 60) + 0.2 * (sand(x, y) - 0.5) - pore));
    },
    under(x, y, out) {
      paint(out, [112, 104, 98], 0.7 + 0.6 * sand(x / 5, y / 5));
    },
  };
};

/** Printed card: a grid of dots and rules in ink on paper. */
const print: Maker = (random) => {
  const [fibre, ink] = [valueNoise(random), valueNoise(random)];
  const [dx, dy, tone] = [random.uniform(-3, 3), random.uniform(-3, 3), random.uniform(0.97, 1.03)];
  return {
    at(x, y, out) {
      const [u, v] = [(((x + dx) % 32) + 32) % 32, (((y + dy) % 32) + 32) % 32];
      const dot = Math.hypot(u - 16, v - 10) < 6;
      const rule = v > 22 && v < 26 && u > 5 && u < 27;
      const paper = 0.95 + 0.08 * fibre(x / 1.5, y / 1.5);
      if (dot) return paint(out, [188, 62, 58], tone * (0.9 + 0.2 * ink(x / 2, y / 2)));
      if (rule) return paint(out, [52, 78, 120], tone * (0.9 + 0.2 * ink(x / 2, y / 2)));
      paint(out, [232, 228, 214], tone * paper);
    },
    under(x, y, out) {
      paint(out, [206, 190, 160], 0.9 + 0.16 * fibre(x / 1.5, y / 1.5));
    },
  };
};

/** The products of `surfaces`. */
export const products = { fabric, metal, wood, tile, 'circuit board': circuitBoard } satisfies Record<string, Maker>;
/** Those of `surfaces-other`: for what is learned from other products than are inspected. */
export const otherProducts = { leather, concrete, 'printed card': print } satisfies Record<string, Maker>;
