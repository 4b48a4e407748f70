import { describe, expect, it } from 'vitest';
import { type MadeDicom, madeDicom } from './dicom.fixture.js';
import { decodeDicom } from './dicom.js';

/** Grey levels of an image whose channels are alike. */
function greys(made: MadeDicom): number[] {
  const { data } = decodeDicom(madeDicom(made), 'study/image.dcm');
  return Array.from({ length: data.length / 3 }, (_, i) => {
    expect(data[3 * i + 1]).toBe(data[3 * i]);
    return data[3 * i]!;
  });
}

const row = { columns: 4, rows: 1 };

describe('a DICOM image', () => {
  it('without a window goes from its smallest to its largest value', () => {
    expect(greys({ ...row, values: [100, 200, 300, 400] })).toEqual([0, 85, 170, 255]);
    expect(greys({ ...row, values: [0, 128, 255, 255], bits: 8 })).toEqual([0, 128, 255, 255]);
  });

  it('MONOCHROME1 is inverted: air is dark', () => {
    expect(greys({ ...row, values: [100, 200, 300, 400], photometric: 'MONOCHROME1' })).toEqual([255, 170, 85, 0]);
  });

  it('is windowed by the standard’s formulas, after slope and intercept', () => {
    // PS3.3 C.11.2.1.2.1: c 2048, w 4096: below 0.5 … 4095 linear.
    expect(greys({ ...row, values: [0, 2048, 4095, 5000], window: [2048, 4096] })).toEqual([0, 128, 255, 255]);
    expect(greys({ ...row, values: [0, 1, 2, 3], window: [1, 2], voiFunction: 'LINEAR_EXACT' })).toEqual([
      0, 128, 255, 255,
    ]);
    expect(greys({ ...row, values: [0, 10, 20, 30], window: [10, 20], voiFunction: 'SIGMOID' })).toEqual([
      30, 128, 225, 250,
    ]);
    // 2x − 100: 0 … 200.
    expect(greys({ ...row, values: [50, 100, 150, 200], rescale: [2, -100], window: [100.5, 201] })).toEqual([
      0, 128, 255, 255,
    ]);
    expect(greys({ ...row, values: [4, 5, 6, 9], window: [5.5, 1] })).toEqual([0, 0, 255, 255]);
  });

  it('negative values and unused bits are read as the file says; padding is black', () => {
    expect(greys({ ...row, values: [-100, 0, 0, 100], signed: true })).toEqual([0, 128, 128, 255]);
    // The upper four bits are an overlay, as old scanners wrote it.
    expect(greys({ ...row, values: [0xf000, 0x0fff, 0, 0], stored: 12 })).toEqual([0, 255, 0, 0]);
    expect(greys({ ...row, values: [65535, 100, 200, 300], padding: 65535 })).toEqual([0, 0, 128, 255]);
  });

  it('keeps nothing that identifies a patient', () => {
    const image = decodeDicom(madeDicom({ patient: 'Roe^Richard' }), 'image.dcm');
    expect(Object.keys(image).sort()).toEqual(['channels', 'data', 'height', 'width']);
  });
});

describe('is refused with a sentence', () => {
  it.each<[string, MadeDicom, RegExp]>([
    ['several frames', { frames: 3 }, /study: it has 3 frames: expected one image/],
    ['compressed', { syntax: '1.2.840.10008.1.2.4.70' }, /its pixels are compressed .*1\.2\.840\.10008\.1\.2\.4\.70/],
    ['big-endian', { syntax: '1.2.840.10008.1.2.2' }, /big-endian/],
    ['colours', { photometric: 'RGB' }, /expected grey values .* got RGB/],
    ['too few pixels', { values: [1, 2, 3] }, /cut short: expected 16 bytes of pixels, found 6/],
    ['no size', { rows: 0 }, /rows or columns are missing/],
    ['impossible bits', { stored: 20 }, /20 bits of 16/],
  ])('%s', (_, made, message) => {
    expect(() => decodeDicom(madeDicom(made), 'study')).toThrow(message);
  });

  it('a file that is cut anywhere, or has bytes changed, is decoded or refused, never anything else', () => {
    const whole = madeDicom({ columns: 8, rows: 8 });
    for (let end = 0; end < whole.length; end += 3) {
      expect(() => decodeDicom(whole.subarray(0, end), 'cut.dcm'), `${end} bytes`).toThrow(/^cut\.dcm: /);
    }
    for (let at = 132; at < whole.length - 128; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0xff;
      try {
        decodeDicom(bytes, 'changed.dcm');
      } catch (error) {
        expect((error as Error).message).toMatch(/^changed\.dcm: /);
      }
    }
    expect(() => decodeDicom(Buffer.from('no image'), 'note.txt')).toThrow(/expected a DICOM file/);
  });
});
