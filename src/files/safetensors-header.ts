import { UserError } from '../errors.js';
import { brief, show } from '../schema-issue.js';

/** Bytes an element takes, for each type that the format defines. */
export const BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
} as const;

/** One tensor as the header describes it; `begin` and `end` count bytes from the end of the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: keyof typeof BYTES;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly begin: number;
  readonly end: number;
}

/**
 * Parses and checks a safetensors header against the bytes that follow it. Nothing is allocated for data here, so
 * that a header that lies costs nothing.
 *
 * @throws UserError naming the tensor whose type, shape or offsets do not fit.
 */
export function parseHeader(
  text: Uint8Array,
  dataBytes: number,
  label: string,
): { entries: TensorEntry[]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw new UserError(`${label}: header: expected JSON: the file is damaged or not a safetensors file`);
  }
  if (!isRecord(header)) throw new UserError(`${label}: header: expected a JSON object`);
  const { __metadata__: metadata = {}, ...rest } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new UserError(`${label}: __metadata__: expected names with strings`);
  }
  const entries = Object.entries(rest).map(([name, value]) => parseEntry(name, value, dataBytes, label));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const fault = entry.begin < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new UserError(
        `${label}: ${brief(entry.name)}: data_offsets: expected to begin at ${end}, got ${entry.begin}: it ${fault}`,
      );
    }
    end = entry.end;
  }
  if (end !== dataBytes) {
    throw new UserError(`${label}: expected ${end} bytes of data, got ${dataBytes}: the file is truncated or damaged`);
  }
  return { entries, metadata: metadata as Record<string, string> };
}

function parseEntry(name: string, value: unknown, dataBytes: number, label: string): TensorEntry {
  const fail = (what: string): never => {
    throw new UserError(`${label}: ${brief(name)}: ${what}`);
  };
  if (name === '__proto__') fail('this name is not allowed');
  if (!isRecord(value)) return fail('expected an object with dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    return fail(`dtype: expected one of ${Object.keys(BYTES).join(', ')}, got ${show(dtype)}`);
  }
  if (!isSizes(shape)) return fail(`shape: expected sizes that are whole and not negative, got ${show(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    return fail(`data_offsets: expected [begin, end], got ${show(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (end > dataBytes) {
    return fail(
      `data_offsets: expected an end within ${dataBytes} bytes of data, got ${end}: the file is truncated or damaged`,
    );
  }
  const elements = shape.reduce((a, b) => a * b, 1);
  const bytes = elements * BYTES[dtype as keyof typeof BYTES];
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
    return fail(`expected ${bytes} bytes for ${dtype} ${show(shape)}, got ${end - begin}`);
  }
  return { name, dtype: dtype as keyof typeof BYTES, shape, elements, begin, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((x) => Number.isSafeInteger(x) && x >= 0);
}
