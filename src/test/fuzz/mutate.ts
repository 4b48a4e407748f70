import type { Random } from '../../math/random.js';

/** What parsers have stumbled over, in files of this kind or others. */
const nasty = [
  ...['-1', '0', '1e999', '9007199254740993', '4294967296', '-0.0', 'NaN', 'null', 'true', '""', '{}', '[]', '[[[['],
  ...[
    '__proto__',
    'constructor',
    '../../x',
    '/',
    '\0',
    '\u001b[31m',
    '\ufeff',
    '\ud800',
    '💥',
    '\r\n',
    '\n',
    ',',
    '"',
    "'",
  ],
  ...['!!js/function ', '&a [*a]', '*a', '{0..99999}', '%00', '<script>', '{}', '[OBJ]', 'ı', '\u202e', ' ', '\t', ';'],
].map((text) => Buffer.from(text));

const numbers = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0xffffffff];

/** A file's bytes with one to four faults, the same for the same state of the generator. */
export function mutate(bytes: Uint8Array, random: Random): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.int(4); left > 0; left--) changed = mutateOnce(changed, random);
  return changed;
}

function mutateOnce(bytes: Buffer, random: Random): Buffer {
  const at = random.int(bytes.length + 1);
  const some = Math.min(bytes.length - at, 1 + random.int(32));
  const cut = (from: number, to: number, between: Uint8Array = new Uint8Array(0)) =>
    Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
  switch (random.int(8)) {
    case 0: // one bit
      if (at < bytes.length) bytes[at]! ^= 1 << random.int(8);
      return bytes;
    case 1: // one byte
      if (at < bytes.length) bytes[at] = random.int(256);
      return bytes;
    case 2: // truncated
      return bytes.subarray(0, at);
    case 3: // without a part
      return cut(at, at + some);
    case 4: // with a part twice
      return cut(at, at, bytes.subarray(at, at + some));
    case 5: // a number where lengths and offsets may stand
      if (at + 4 <= bytes.length) bytes.writeUInt32LE(numbers[random.int(numbers.length)]!, at);
      return bytes;
    case 6: // zeroed
      return bytes.fill(0, at, at + some);
    default: // something nasty, in place of what stood there or beside it
      return cut(at, at + random.int(2) * some, nasty[random.int(nasty.length)]);
  }
}
