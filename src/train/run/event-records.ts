import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { crc32c } from '../../files/index.js';

/** One step's numbers, as TensorBoard has them. */
export interface ScalarEvent {
  readonly step: number;
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/**
 * Message numbers of TensorFlow's `event.proto` and `summary.proto`: Event { double wall_time = 1; int64 step = 2;
 * string file_version = 3; Summary summary = 5 }, Summary { repeated Value value = 1 }, Value { string tag = 1;
 * float simple_value = 2 }.
 */
const event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const summary = { value: 1 } as const;
const value = { tag: 1, simpleValue: 2 } as const;

/** The record that every event file begins with. */
export function versionRecord(wallTime: number): Uint8Array {
  const message = new BinaryWriter().tag(event.wallTime, WireType.Bit64).double(wallTime);
  return framed(message.tag(event.fileVersion, WireType.LengthDelimited).string('brain.Event:2').finish());
}

/** A record of scalars. */
export function scalarRecord({ step, wallTime, scalars }: ScalarEvent): Uint8Array {
  const message = new BinaryWriter().tag(event.wallTime, WireType.Bit64).double(wallTime);
  message.tag(event.step, WireType.Varint).int64(step);
  message.tag(event.summary, WireType.LengthDelimited).fork();
  for (const [tag, number] of Object.entries(scalars)) {
    message.tag(summary.value, WireType.LengthDelimited).fork();
    message.tag(value.tag, WireType.LengthDelimited).string(tag);
    message.tag(value.simpleValue, WireType.Bit32).float(number).join();
  }
  return framed(message.join().finish());
}

/** Step of an event; 0 of one that says none, as the first. */
export function stepOf(message: Uint8Array): number {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === event.step && wire === WireType.Varint) return Number(reader.int64());
    reader.skip(wire, field);
  }
  return 0;
}

const head = 12;
const foot = 4;

/** TFRecord's frame: length, masked CRC-32C of it, the bytes, masked CRC-32C of them; little-endian. */
function framed(message: Uint8Array): Uint8Array {
  const record = new Uint8Array(head + message.length + foot);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(message, head);
  view.setUint32(head + message.length, masked(message), true);
  return record;
}

/** The whole records of an event file; what stands behind the last one, as a crash leaves it, is dropped. */
export function readRecords(bytes: Uint8Array): { readonly record: Uint8Array; readonly message: Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { record: Uint8Array; message: Uint8Array }[] = [];
  let at = 0;
  while (at + head + foot <= bytes.length) {
    const length = Number(view.getBigUint64(at, true));
    const end = at + head + length + foot;
    if (view.getUint32(at + 8, true) !== masked(bytes.subarray(at, at + 8)) || end > bytes.length) break;
    const message = bytes.subarray(at + head, at + head + length);
    if (view.getUint32(at + head + length, true) !== masked(message)) break;
    found.push({ record: bytes.subarray(at, end), message });
    at = end;
  }
  return found;
}

/** TFRecord masks its sums, because sums of data that holds sums are weak. */
function masked(bytes: Uint8Array): number {
  const sum = crc32c(bytes);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
