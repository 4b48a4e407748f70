import dicomParser, { type DataSet } from 'dicom-parser';
import { MAX_PIXELS } from '../../../clip/index.js';
import { ImageError, type RawImage } from '../../../data/index.js';
import { brief } from '../../../schema-issue.js';
import { displayed, type Windowing } from './dicom-window.js';

/** Transfer syntaxes whose pixels lie there as they are, little-endian. */
const plain = new Set(['1.2.840.10008.1.2', '1.2.840.10008.1.2.1']);
const deflated = '1.2.840.10008.1.2.1.99';
const bigEndian = '1.2.840.10008.1.2.2';

/** The data elements that are looked at. No other is: what identifies a patient is never read. */
const tags = {
  transferSyntax: 'x00020010',
  samplesPerPixel: 'x00280002',
  photometric: 'x00280004',
  frames: 'x00280008',
  rows: 'x00280010',
  columns: 'x00280011',
  bitsAllocated: 'x00280100',
  bitsStored: 'x00280101',
  signed: 'x00280103',
  padding: 'x00280120',
  centre: 'x00281050',
  width: 'x00281051',
  intercept: 'x00281052',
  slope: 'x00281053',
  voiFunction: 'x00281056',
  modalityLut: 'x00283000',
  pixels: 'x7fe00010',
} as const;

/** Whether bytes begin as a DICOM file (PS3.10) does. */
export const isDicom = (bytes: Uint8Array): boolean =>
  bytes.length > 132 && Buffer.from(bytes.buffer, bytes.byteOffset + 128, 4).toString('latin1') === 'DICM';

/**
 * Decodes a DICOM file of one grey frame: stored values are rescaled (slope and intercept), windowed as the file asks (VOI, PS3.3
 * C.11.2.1.2) or from their smallest to their largest, and MONOCHROME1 is inverted, so that air is dark. Nothing but the image is
 * kept: no name, date, number or other text of the file is read.
 *
 * @param id names it in errors
 * @returns grey as RGB, 8 bits a channel
 * @throws ImageError for several frames, compressed or damaged ones, colours, and what is no DICOM file
 * @example
 * import { readFile } from 'node:fs/promises';
 *
 * const { width, height, data } = decodeDicom(await readFile('chest.dcm'), 'chest.dcm');
 */
export function decodeDicom(bytes: Uint8Array, id: string): RawImage {
  const fail = (reason: string): never => {
    throw new ImageError(id, reason);
  };
  if (!isDicom(bytes)) fail('expected a DICOM file (PS3.10, with DICM at byte 128), got something else');
  try {
    return decoded(bytes, fail);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    // The parser throws strings and objects, too; of the latter nothing is repeated, they hold the data set.
    const why =
      typeof error === 'string' ? error : error instanceof Error ? error.message : 'its elements do not add up';
    return fail(`it cannot be read as DICOM, the file is damaged: ${brief(why.split('\n')[0]!)}`);
  }
}

function decoded(bytes: Uint8Array, fail: (reason: string) => never): RawImage {
  // What the rest is written in is told first: a deflated file cannot be parsed without.
  const syntax = (dicomParser.readPart10Header(bytes).string(tags.transferSyntax) ?? '').trim();
  if (syntax === deflated) fail('it is deflated (compressed as a whole): write it with explicit VR little endian');
  if (syntax === bigEndian) fail('it is big-endian, which DICOM has retired: write it with explicit VR little endian');
  if (!plain.has(syntax)) {
    fail(
      `its pixels are compressed (transfer syntax ${brief(syntax) || 'not named'}): decompress it first, as with dcmdjpeg or gdcmconv --raw`,
    );
  }
  const data = dicomParser.parseDicom(bytes);
  if (data.elements[tags.pixels]?.encapsulatedPixelData)
    fail('its pixels are compressed, though it says that they are not');
  const frames = data.intString(tags.frames) ?? 1;
  if (frames !== 1) fail(`it has ${frames} frames: expected one image; a series or a film is no radiograph`);
  const photometric = (data.string(tags.photometric) ?? '').trim();
  if (photometric !== 'MONOCHROME1' && photometric !== 'MONOCHROME2') {
    fail(
      `expected grey values (MONOCHROME1 or MONOCHROME2), got ${brief(photometric) || 'no photometric interpretation'}`,
    );
  }
  if ((data.uint16(tags.samplesPerPixel) ?? 1) !== 1) fail('expected one value a pixel, got several');
  if (data.elements[tags.modalityLut]) fail('its values go through a modality LUT, which is not read');
  const [width, height] = [data.uint16(tags.columns), data.uint16(tags.rows)];
  if (!width || !height) return fail('rows or columns are missing: the file is damaged');
  if (width * height > MAX_PIXELS) fail(`it has ${width} × ${height} pixels, more than ${MAX_PIXELS / 1e6} million`);
  const values = storedValues(data, bytes, width * height, fail);
  const light = displayed(values, windowingOf(data), {
    inverted: photometric === 'MONOCHROME1',
    slope: data.floatString(tags.slope) ?? 1,
    intercept: data.floatString(tags.intercept) ?? 0,
    padding: data.uint16(tags.signed) === 1 ? data.int16(tags.padding) : data.uint16(tags.padding),
  });
  const rgb = new Uint8Array(3 * light.length);
  for (const [i, value] of light.entries()) rgb.fill(value, 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data: rgb };
}

function windowingOf(data: DataSet): Windowing | undefined {
  const [centre, width] = [data.floatString(tags.centre), data.floatString(tags.width)];
  if (centre === undefined || width === undefined || !Number.isFinite(centre) || !(width > 0)) return undefined;
  const shape = (data.string(tags.voiFunction) ?? 'LINEAR').trim();
  return { centre, width, shape: shape === 'SIGMOID' || shape === 'LINEAR_EXACT' ? shape : 'LINEAR' };
}

/** The values of one frame, sign and unused bits seen to. */
function storedValues(data: DataSet, bytes: Uint8Array, count: number, fail: (reason: string) => never): Int32Array {
  const allocated = data.uint16(tags.bitsAllocated);
  if (allocated !== 8 && allocated !== 16) return fail(`expected 8 or 16 bits a pixel, got ${allocated ?? 'none'}`);
  const stored = data.uint16(tags.bitsStored) ?? allocated;
  if (stored < 1 || stored > allocated)
    return fail(`${stored} bits of ${allocated} are said to be used: the file is damaged`);
  const element = data.elements[tags.pixels];
  if (!element) return fail('it holds no image (no pixel data)');
  const expected = (count * allocated) / 8;
  const there = Math.min(element.length, bytes.length - element.dataOffset);
  if (there < expected)
    return fail(`it is cut short: expected ${expected} bytes of pixels, found ${Math.max(0, there)}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + element.dataOffset, expected);
  const signed = data.uint16(tags.signed) === 1;
  const unused = 32 - stored;
  return Int32Array.from({ length: count }, (_, i) => {
    const raw = allocated === 8 ? view.getUint8(i) : view.getUint16(2 * i, true);
    return signed ? (raw << unused) >> unused : (raw << unused) >>> unused;
  });
}
