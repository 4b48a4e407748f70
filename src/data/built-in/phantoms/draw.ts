import sharp from 'sharp';
import type { Random } from '../../../math/index.js';
import type { RawImage } from '../../dataset.js';
import type { Build, Chest, Side } from './chest.js';

/** Side of an image, in pixels. */
export const side = 128;

/** Middle of each lung, and of what stands in it, in pixels before scale, shift and tilt. */
const middle = 64;
const lung = { top: 24, bottom: 98, inner: 12, outer: 44 };
/** A lung's half width where a finding stands, from the middle. */
const centreOf = (of: Side) => (of === 'right' ? middle - 28 : middle + 28);
const outwards = (of: Side) => (of === 'right' ? -1 : 1);

const grey = (share: number, opacity = 1) => {
  const value = Math.round(255 * Math.min(1, share));
  return `rgba(${value},${value},${value},${opacity})`;
};

/**
 * Draws a phantom: chest-like, synthetic, of no patient. Air is dark, bone and fluid bright, as on a radiograph.
 *
 * @param random for places within a zone, and noise
 */
export async function drawPhantom(chest: Chest, random: Random): Promise<RawImage> {
  const { build } = chest;
  const [x, y] = build.shift.map((share) => share * side) as [number, number];
  const [across, down] = build.scale;
  const place = `translate(${middle + x} ${middle + y}) rotate(${build.tilt}) scale(${across} ${down}) translate(-64 -64)`;
  const layers = [
    body(build),
    lungPath('right', build),
    lungPath('left', build),
    ...ribs(build),
    spine(build),
    heart(build),
    ...inside(chest, random),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><defs>
<radialGradient id="cloud"><stop offset="0" stop-color="${grey(0.68)}" stop-opacity="0.5"/><stop offset="1" stop-color="${grey(0.68)}" stop-opacity="0"/></radialGradient>
<clipPath id="right"><path d="${lungOutline('right')}"/></clipPath><clipPath id="left"><path d="${lungOutline('left')}"/></clipPath>
</defs><rect width="${side}" height="${side}" fill="${grey(0.02)}"/><g transform="${place}">${layers.join('')}</g></svg>`;
  const { data } = await sharp(Buffer.from(svg))
    .blur(0.9)
    .removeAlpha()
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: side, height: side, channels: 3, data: withNoise(data, build.noise, random) };
}

function withNoise(values: Uint8Array, deviation: number, random: Random): Uint8Array {
  const noisy = new Uint8Array(side * side * 3);
  const step = values.length / (side * side);
  for (let i = 0; i < side * side; i++) {
    const value = values[i * step]! + deviation * random.normal();
    noisy.fill(Math.max(0, Math.min(255, Math.round(value))), 3 * i, 3 * i + 3);
  }
  return noisy;
}

/** Trunk, neck and shoulders. */
const body = ({ tissue }: Build) =>
  `<path fill="${grey(tissue)}" d="M52 -20 L52 12 C40 18 18 18 10 34 L8 150 L120 150 L118 34 C110 18 88 18 76 12 L76 -20 Z"/>`;

const lungPath = (of: Side, { air }: Build) => `<path fill="${grey(air)}" d="${lungOutline(of)}"/>`;

function lungOutline(of: Side): string {
  const s = outwards(of);
  const at = (dx: number) => middle + s * dx;
  const { top, bottom, inner, outer } = lung;
  return `M${at(inner)} ${top + 4} C${at(20)} ${top - 8} ${at(34)} ${top} ${at(38)} ${top + 22} C${at(outer)} ${top + 44} ${at(outer + 2)} ${bottom - 12} ${at(outer)} ${bottom} C${at(34)} ${bottom - 12} ${at(18)} ${bottom - 12} ${at(inner)} ${bottom - 6} Z`;
}

function ribs({ bone }: Build): string[] {
  const line = `fill="none" stroke="${grey(bone, 0.22)}" stroke-width="2.4"`;
  return Array.from({ length: 8 }, (_, i) => {
    const y = lung.top + 2 + i * 9;
    return ['right', 'left']
      .map((of) => outwards(of as Side))
      .map(
        (s) =>
          `<path ${line} d="M${middle + 5 * s} ${y} C${middle + 22 * s} ${y - 6} ${middle + 38 * s} ${y} ${middle + 46 * s} ${y + 14}"/>`,
      )
      .join('');
  });
}

const spine = ({ bone, tissue }: Build) =>
  `<rect x="58" y="-10" width="12" height="160" fill="${grey((bone + tissue) / 2, 0.75)}"/>
<path fill="none" stroke="${grey(bone, 0.5)}" stroke-width="3.4" d="M60 24 C48 20 34 20 20 26 M68 24 C80 20 94 20 108 26"/>`;

/** Two thirds of it left of the middle. */
function heart({ heart: share, tissue }: Build): string {
  const width = share * 2 * lung.outer;
  const [left, right] = [middle - width * 0.36, middle + width * 0.64];
  const [cx, rx] = [(left + right) / 2, (right - left) / 2];
  return `<ellipse cx="${cx}" cy="80" rx="${rx}" ry="${15 + 6 * share}" fill="${grey(tissue + 0.14)}"/>
<path fill="${grey(tissue + 0.1)}" d="M54 40 L74 38 C78 50 78 62 82 72 L50 74 C50 60 50 50 54 40 Z"/>`;
}

function inside(chest: Chest, random: Random): string[] {
  const { findings, effusion, opacity, build } = chest;
  const layers: string[] = [];
  if (findings.has('lung opacity')) {
    const at = { upper: 40, mid: 58, lower: 78 }[opacity.zone];
    const cx = centreOf(opacity.side) + outwards(opacity.side) * random.uniform(-2, 4);
    for (let i = 0; i < 5; i++) {
      const [dx, dy] = [random.uniform(-6, 6), random.uniform(-6, 6)];
      layers.push(
        `<ellipse cx="${cx + dx}" cy="${at + dy}" rx="${random.uniform(9, 15)}" ry="${random.uniform(8, 13)}" fill="url(#cloud)"/>`,
      );
    }
  }
  for (const of of ['right', 'left'] as const) {
    for (const zone of ['upper', 'lower'] as const) {
      const radius = random.uniform(3.2, 5.2);
      const cx = centreOf(of) + outwards(of) * random.uniform(-6, 7);
      const cy = (zone === 'upper' ? 42 : 76) + random.uniform(-8, 8);
      if (!findings.has(`nodule in the ${of} ${zone} zone`)) continue;
      layers.push(`<circle cx="${cx}" cy="${cy}" r="${radius}" fill="${grey(build.tissue + 0.14, 0.9)}"/>`);
    }
  }
  if (findings.has('pleural effusion'))
    layers.push(fluid(effusion.side, { small: 14, moderate: 26, large: 42 }[effusion.amount], build));
  if (findings.has('device line')) layers.push(deviceLine(chest.line, random));
  return layers;
}

/** Fluid up to a height, with the meniscus that rises at the chest wall. */
function fluid(of: Side, height: number, { tissue }: Build): string {
  const s = outwards(of);
  const at = (dx: number) => middle + s * dx;
  const [top, bottom] = [lung.bottom - height, lung.bottom + 6];
  return `<g clip-path="url(#${of})"><path fill="${grey(tissue + 0.16, 0.94)}" d="M${at(lung.inner)} ${bottom} L${at(lung.inner)} ${top + 12} C${at(24)} ${top + 12} ${at(36)} ${top + 8} ${at(lung.outer)} ${top - 4} L${at(lung.outer + 4)} ${bottom} Z"/></g>`;
}

/** A thin, bright line from the shoulder to the heart. */
function deviceLine(of: Side, random: Random): string {
  const s = outwards(of);
  const end = random.uniform(66, 78);
  return `<path fill="none" stroke="${grey(0.97, 0.85)}" stroke-width="1.6" d="M${middle + 54 * s} ${random.uniform(34, 44)} C${middle + 40 * s} 22 ${middle + 18 * s} 22 ${middle + 7 * s} 36 C${middle - 6} 46 ${middle - 8} 56 ${middle - 7} ${end}"/>`;
}
