/** What a made DICOM file says; what is left out is as of a small radiograph. */
export interface MadeDicom {
  readonly columns?: number;
  readonly rows?: number;
  /** Stored values, row by row. */
  readonly values?: readonly number[];
  readonly bits?: 8 | 16;
  readonly stored?: number;
  readonly signed?: boolean;
  readonly photometric?: string;
  readonly frames?: number;
  readonly syntax?: string;
  readonly window?: readonly [centre: number, width: number];
  readonly voiFunction?: string;
  readonly rescale?: readonly [slope: number, intercept: number];
  readonly padding?: number;
  readonly patient?: string;
}

const text = (value: string, fill = ' ') => Buffer.from(value.length % 2 ? value + fill : value, 'latin1');
const short = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16LE(value > 0x7fff ? value - 0x10000 : value);
  return bytes;
};

/** One data element in explicit VR little endian (PS3.5, 7.1.2). */
function element(group: number, number: number, vr: string, value: Buffer): Buffer {
  const long = ['OB', 'OW', 'UN', 'SQ'].includes(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, 'latin1');
  if (long) head.writeUInt32LE(value.length, 8);
  else head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
}

/** A DICOM file of one grey image, with the patient's name and birthday in it as such files have them. */
export function madeDicom(made: MadeDicom = {}): Buffer {
  const { columns = 4, rows = 2, bits = 16, stored = bits, syntax = '1.2.840.10008.1.2.1' } = made;
  const values = made.values ?? Array.from({ length: columns * rows }, (_, i) => i * 100);
  const pixels = Buffer.concat(values.map((value) => (bits === 8 ? Buffer.from([value]) : short(value))));
  const meta = element(0x0002, 0x0010, 'UI', text(syntax, '\0'));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    ...[Buffer.alloc(128), Buffer.from('DICM'), element(0x0002, 0x0000, 'UL', length), meta],
    element(0x0010, 0x0010, 'PN', text(made.patient ?? 'Doe^Jane')),
    element(0x0010, 0x0030, 'DA', text('19700101')),
    element(0x0028, 0x0002, 'US', short(1)),
    element(0x0028, 0x0004, 'CS', text(made.photometric ?? 'MONOCHROME2')),
    ...(made.frames === undefined ? [] : [element(0x0028, 0x0008, 'IS', text(String(made.frames)))]),
    ...[element(0x0028, 0x0010, 'US', short(rows)), element(0x0028, 0x0011, 'US', short(columns))],
    ...[element(0x0028, 0x0100, 'US', short(bits)), element(0x0028, 0x0101, 'US', short(stored))],
    ...[element(0x0028, 0x0102, 'US', short(stored - 1)), element(0x0028, 0x0103, 'US', short(made.signed ? 1 : 0))],
    ...(made.padding === undefined ? [] : [element(0x0028, 0x0120, 'US', short(made.padding))]),
    ...(made.window === undefined
      ? []
      : made.window.map((value, i) => element(0x0028, 0x1050 + i, 'DS', text(String(value))))),
    ...(made.rescale === undefined
      ? []
      : [...made.rescale].reverse().map((value, i) => element(0x0028, 0x1052 + i, 'DS', text(String(value))))),
    ...(made.voiFunction === undefined ? [] : [element(0x0028, 0x1056, 'CS', text(made.voiFunction))]),
    element(0x7fe0, 0x0010, 'OW', pixels.length % 2 ? Buffer.concat([pixels, Buffer.alloc(1)]) : pixels),
  ]);
}
