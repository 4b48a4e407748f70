import { describe, expect, it } from 'vitest';
import { resizePixels } from '../clip/preprocess/resize.js';
import { Random } from '../math/random.js';
import { white } from './background.js';
import { gaussianBlur } from './blur.js';
import { brightness, contrast, hue, jitterColours, saturation, toGray } from './colour.js';
import { cutOut } from './cut.js';
import { drawErased } from './erasing.js';
import { randAugment, randAugmentOperations } from './rand-augment.js';
import { drawCrop } from './resized-crop.js';
import { rotate, shearX, shearY, shiftPixels, translate } from './shift.js';
import { autoContrast, equalize, posterize, sharpness, solarize } from './tone.js';
import { distance, golden, pixelsOf } from './torchvision.fixture.js';

const { size } = golden;

type Op = (rgb: Uint8Array, ...args: number[]) => void;

/** Operations as torchvision has them, and how many levels a value may be off: it cuts where we round. */
const operations: Readonly<Record<string, readonly [Op, tolerance: number]>> = {
  posterize: [(rgb, bits) => posterize(rgb, bits!), 0],
  solarize: [(rgb, threshold) => solarize(rgb, threshold!), 0],
  autoContrast: [autoContrast, 0],
  equalize: [equalize, 0],
  sharpness: [(rgb, factor) => sharpness(rgb, size, factor!), 1],
  brightness: [brightness as Op, 1],
  contrast: [contrast as Op, 2],
  saturation: [saturation as Op, 2],
  hue: [hue as Op, 1],
  toGray: [toGray, 1],
  gaussianBlur: [(rgb, kernel, sigma) => gaussianBlur(rgb, size, kernel!, sigma!), 1],
  ShearX: [(rgb, level) => shiftPixels(rgb, size, shearX(level!)), 0],
  ShearY: [(rgb, level) => shiftPixels(rgb, size, shearY(level!)), 0],
  TranslateX: [(rgb, pixels) => shiftPixels(rgb, size, translate(Math.trunc(pixels!), 0)), 0],
  TranslateY: [(rgb, pixels) => shiftPixels(rgb, size, translate(0, Math.trunc(pixels!))), 0],
  Rotate: [(rgb, degrees) => shiftPixels(rgb, size, rotate(degrees!, size)), 0],
};

const furthest = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
const draw = <T>(count: number, make: (random: Random) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(new Random('draw', i)));

describe('operations give torchvision’s pixels', () => {
  it.each(golden.cases.map((one) => [`${one.op}(${one.args.join(', ')})`, one] as const))('%s', (_name, one) => {
    const [operation, tolerance] = operations[one.op]!;
    const rgb = pixelsOf(golden.picture);
    operation(rgb, ...one.args);
    expect(furthest(rgb, pixelsOf(one.rgb))).toBeLessThanOrEqual(tolerance);
  });

  it.each(golden.crops.map((one) => [`${one.mode} of ${one.box.join(', ')}`, one] as const))(
    'resized crop, %s',
    (_name, { mode, box: [left, top, width, height], rgb }) => {
      const { width: w, height: h, picture: image } = golden.wide;
      const source = { width: w, height: h, channels: 3, data: pixelsOf(image) } as const;
      const cut = cutOut(source, { left, top, width, height }, white);
      const made = resizePixels(cut, [height, width], [size, size], mode === 'bilinear' ? 2 : 3);
      expect(made).toEqual(pixelsOf(rgb));
    },
  );

  it('RandAugment has its operations, each with its 31 magnitudes', () => {
    const own = Object.fromEntries(
      Object.entries(randAugmentOperations).map(([name, { signed, amount }]) => [
        name,
        { signed, magnitudes: Array.from({ length: 31 }, (_, m) => amount(m / 30, size)) },
      ]),
    );
    expect(Object.keys(own).sort()).toEqual(Object.keys(golden.randAugment).sort());
    for (const [name, { signed, magnitudes }] of Object.entries(golden.randAugment)) {
      expect(own[name]!.signed, name).toBe(signed);
      for (const [m, value] of magnitudes.entries()) expect(own[name]!.magnitudes[m], name).toBeCloseTo(value, 3);
    }
  });
});

describe('draws are distributed as torchvision’s', () => {
  // Equal distributions of 3,000 and 20,000 draws differ by more than 0.038 once in 1,000 times; quantiles add 1/200.
  const most = 0.043;
  const count = 3000;

  it.each(golden.cropDraws)('RandomResizedCrop of $picture, scale $scale', (one) => {
    const [width, height] = one.picture;
    const boxes = draw(count, (random) => drawCrop(width, height, one.scale, one.ratio, random));
    const movable = boxes.filter((box) => box.width < width);
    expect(
      distance(
        boxes.map((b) => (b.width * b.height) / (width * height)),
        one.area,
      ),
    ).toBeLessThan(most);
    expect(
      distance(
        boxes.map((b) => Math.log(b.width / b.height)),
        one.aspect,
      ),
    ).toBeLessThan(most);
    expect(
      distance(
        movable.map((b) => b.left / (width - b.width)),
        one.left,
      ),
    ).toBeLessThan(most);
    // The definition itself: a crop lies inside and keeps to its ratio, but for rounding.
    for (const b of boxes) {
      expect(b.left >= 0 && b.top >= 0 && b.left + b.width <= width && b.top + b.height <= height).toBe(true);
    }
  });

  it.each(golden.eraseDraws)('RandomErasing, scale $scale', (one) => {
    const boxes = draw(count, (random) => drawErased(one.size, one, random)).filter((box) => box !== undefined);
    expect(
      distance(
        boxes.map((b) => (b.width * b.height) / one.size ** 2),
        one.area,
      ),
    ).toBeLessThan(most);
    expect(
      distance(
        boxes.map((b) => Math.log(b.height / b.width)),
        one.aspect,
      ),
    ).toBeLessThan(most);
    expect(
      distance(
        boxes.map((b) => b.top / (one.size - b.height)),
        one.top,
      ),
    ).toBeLessThan(most);
  });

  it('ColorJitter: factors and hues are uniform, in any order', () => {
    const uniform = (low: number, high: number) =>
      Array.from({ length: 200 }, (_, i) => low + ((i + 0.5) / 200) * (high - low));
    const one = (colour: number[], strengths: [number, number, number], turn = 0) =>
      draw(count, (random) => {
        const rgb = Uint8Array.from(colour);
        jitterColours(rgb, strengths, turn, random);
        return rgb;
      });
    const bright = one([100, 100, 100], [0.4, 0, 0]).map((rgb) => rgb[0]! / 100);
    expect(distance(bright, uniform(0.6, 1.4))).toBeLessThan(most);
    // Saturation s moves red to gray + (red − gray) · s; the image's gray is 0.2989 · 160 + 0.7011 · 100.
    const gray = 0.2989 * 160 + 0.701 * 100;
    const saturated = one([160, 100, 100], [0, 0, 0.4]).map((rgb) => (rgb[0]! - gray) / (160 - gray));
    expect(distance(saturated, uniform(0.6, 1.4))).toBeLessThan(most);
    // Pure red's hue turned by h sixths shows h in green, or −h in blue.
    const turns = one([255, 0, 0], [0, 0, 0], 0.1).map((rgb) => (rgb[1]! - rgb[2]!) / 255 / 6);
    expect(distance(turns, uniform(-0.1, 0.1))).toBeLessThan(most);
    // Of a dark and a bright pixel, contrast before brightness leaves another mean than after it.
    const orders = one([40, 40, 40, 200, 200, 200], [0.4, 0.4, 0]).map((rgb) => rgb[0]! + rgb[3]!);
    expect(new Set(orders).size).toBeGreaterThan(100);
  });

  it('RandAugment draws every operation alike, either way', () => {
    const rgb = pixelsOf(golden.picture);
    const unchanged = draw(count, (random) => {
      const own = rgb.slice();
      randAugment(own, size, { operations: 1, magnitude: 30 }, random);
      return furthest(own, rgb) === 0;
    }).filter(Boolean).length;
    // Identity alone leaves everything as it is at the largest strength: one of fourteen.
    expect(unchanged / count).toBeGreaterThan(1 / 14 - 0.02);
    expect(unchanged / count).toBeLessThan(1 / 14 + 0.02);
  });
});
