import sharp from 'sharp';
import { expect, it } from 'vitest';
import { decodeImage, ImageError } from '../index.js';

const noise = Uint8Array.from({ length: 96 * 80 * 3 }, (_, i) => (i * 7919 + ((i * i) >> 5)) & 255);
const image = () => sharp(noise, { raw: { width: 96, height: 80, channels: 3 } });
const without = (file: Buffer, at: number, ...bytes: number[]) =>
  Buffer.concat([file.subarray(0, at), Buffer.from(bytes), file.subarray(at)]);

it('reads damage that Pillow reads: bytes that no marker announces, a wrong EXIF block, flipped bits, wrong checksums', async () => {
  const jpeg = await image().jpeg().toBuffer();
  const whole = await decodeImage(jpeg, 'whole');
  const exif = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 20]), Buffer.from('Exif\0\0MM\0*garbageXX')]);
  const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]));
  for (const file of [
    without(jpeg, scan, 0, 0, 7),
    without(jpeg, jpeg.length - 2, 1, 2, 3, 4),
    without(jpeg, 2, ...exif),
    without(jpeg, jpeg.length, 9, 9),
  ]) {
    expect(Buffer.compare((await decodeImage(file, 'damaged')).data, whole.data)).toBe(0);
  }
  const flipped = Buffer.from(jpeg);
  flipped[Math.floor((scan + jpeg.length) / 2)]! ^= 0x10;
  expect(await decodeImage(flipped, 'flipped')).toMatchObject({ width: 96, height: 80 });
  const png = await image().png().toBuffer();
  const data = png.indexOf('IDAT');
  png[data + 4 + png.readUInt32BE(data - 4)]! ^= 1;
  expect(Buffer.compare((await decodeImage(png, 'checksum')).data, noise)).toBe(0);
});

it.each(['jpeg', 'png', 'webp'] as const)(
  'refuses a %s that is cut short, and says which image it is',
  async (type) => {
    const file = await image().toFormat(type).toBuffer();
    const decoded = decodeImage(file.subarray(0, Math.floor(file.length * 0.7)), 'sub/cut.jpg');
    await expect(decoded).rejects.toBeInstanceOf(ImageError);
    await expect(decoded).rejects.toMatchObject({
      id: 'sub/cut.jpg',
      message: expect.stringMatching(/^sub\/cut\.jpg: expected/),
    });
  },
);
