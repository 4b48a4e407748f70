import sharp from 'sharp';
import type { Random } from '../../../math/index.js';
import type { RawImage } from '../../dataset.js';
import { painted } from '../emoji-scenes/painted.js';
import type { Sprite } from '../emoji-scenes/sprites.js';
import { type Look, lightBackgrounds } from './attributes.js';

/** Side of an image, in pixels. */
export const side = 64;

/** What one image of a pair shows: everything that chance decides is drawn from `random`. */
export interface PairImage {
  readonly look: Look;
  /** One drawing an object on the image, all of one concept. */
  readonly sprites: readonly Sprite[];
  readonly background: string;
  /** Each object's left, top, width and height in pixels. */
  readonly places: readonly (readonly [left: number, top: number, width: number, height: number])[];
  /** Where a pattern begins, in pixels. */
  readonly phase: number;
}

/** An image by lot: drawings, size, place and background. */
export function layOut(look: Look, drawings: readonly Sprite[], random: Random): PairImage {
  const { count = 1, size: [least, largest] = [0.55, 0.85] } = look;
  const sprites = Array.from({ length: count }, () => random.pick(drawings));
  const background = look.background ?? random.pick(lightBackgrounds);
  // Several stand side by side, each in a column of its own.
  const column = Math.floor(side / count);
  const places = sprites.map(({ trim }, i) => {
    const length = random.uniform(least, largest) * side;
    const scale = length / Math.max(trim.width, trim.height);
    const width = Math.max(1, Math.min(column - 2, Math.round(trim.width * scale)));
    const height = Math.max(1, Math.round(trim.height * scale));
    return [i * column + 1 + random.int(column - width - 1), 1 + random.int(side - height - 1), width, height] as const;
  });
  return { look, sprites, background, places, phase: random.int(6) };
}

/** Draws an image. @param read the pixels of a drawing, RGBA */
export async function draw(image: PairImage, read: (id: string) => Promise<RawImage>): Promise<RawImage> {
  const layers = await Promise.all(
    image.sprites.map(async (sprite, i) => {
      const [left, top, width, height] = image.places[i]!;
      const data = await cutOut(image, sprite, width, height, await read(sprite.id));
      return { input: data, raw: { width, height, channels: 4 as const }, left, top };
    }),
  );
  const create = { width: side, height: side, channels: 3 as const, background: image.background };
  const data = await sharp({ create }).composite(layers).removeAlpha().raw().toBuffer();
  return { width: side, height: side, channels: 3, data };
}

async function cutOut(
  { look, phase }: PairImage,
  { trim }: Sprite,
  width: number,
  height: number,
  image: RawImage,
): Promise<Buffer> {
  const coloured = look.paint ? painted(image.data, look.paint) : image.data;
  const raw = { width: image.width, height: image.height, channels: 4 as const };
  const cut = sharp(coloured, { raw }).extract(trim).resize(width, height, { fit: 'fill' });
  const data = await (look.upsideDown ? cut.rotate(180) : cut).raw().toBuffer();
  if (look.pattern) drawPattern(look.pattern, data, width, phase);
  if (look.outlined) drawOutline(data, width, height);
  return data;
}

/** Dark bands or dots over what is not transparent. @param rgba changed in place */
function drawPattern(pattern: 'stripes' | 'spots', rgba: Uint8Array, width: number, phase: number): void {
  for (let i = 0; i < rgba.length; i += 4) {
    const [x, y] = [(i / 4) % width, Math.floor(i / 4 / width)];
    const across = (x + y + phase) % 9 < 4;
    const spot = (((x + phase) % 9) - 4) ** 2 + (((y + phase) % 9) - 4) ** 2 < 7;
    if (pattern === 'stripes' ? across : spot) for (let c = 0; c < 3; c++) rgba[i + c] = rgba[i + c]! * 0.15;
  }
}

/** White within and a dark line, two pixels wide, where the object ends. @param rgba changed in place */
function drawOutline(rgba: Uint8Array, width: number, height: number): void {
  const solid = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && alpha[y * width + x]! >= 128;
  const alpha = Uint8Array.from({ length: width * height }, (_, i) => rgba[i * 4 + 3]!);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!solid(x, y)) continue;
      const edge = [-2, 2].some((d) => !solid(x + d, y) || !solid(x, y + d));
      rgba.set(edge ? [20, 20, 20, 255] : [250, 250, 250, 255], (y * width + x) * 4);
    }
  }
}
