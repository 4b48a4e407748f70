import { z } from 'zod';
import { UserError } from '../errors.js';
import {
  float8Values,
  halfToFloat,
  jsonOrNothing,
  type RawTensor,
  type ReadOptions,
  readSafetensors,
  writeSafetensors,
} from '../files/index.js';
import { describeIssue } from '../schema-issue.js';
import type { HostTensor } from '../tensor/index.js';
import type { Scales } from './grid.js';
import { packHighFirst, unpackHighFirst } from './pack.js';
import { dequantize, type QuantizedTensor } from './quantized.js';
import { blocksOf, rules, schemes } from './schemes.js';

const coded = z.object({
  scheme: z.enum(schemes).exclude(['fp32']),
  shape: z.array(z.number().int().positive()).min(2),
});
const description = z.object({ version: z.literal(1), tensors: z.record(z.string(), coded) });
type Description = z.infer<typeof description>;

const FIELD = 'quantization';
const PARTS = ['scales', 'factor', 'zeros', 'codebook'] as const;
type Part = (typeof PARTS)[number];

/** What {@link readQuantized} reads. */
export interface QuantizedFile {
  /** All tensors, those in few bits as the numbers they stand for. */
  readonly tensors: Record<string, HostTensor>;
  /** Those in few bits, as they are stored. */
  readonly quantized: Record<string, QuantizedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes tensors to a safetensors file, atomically, the quantised ones in their bits: codes under the tensor's name (4-bit
 * codes two a byte, the first in the upper half), `NAME.scales` a block, and where the scheme has them `NAME.factor`,
 * `NAME.zeros` and `NAME.codebook`. Scheme and shape stand in the metadata.
 *
 * @throws UserError where a finite value does not fit F16, or the file cannot be written
 */
export async function writeQuantized(
  path: string,
  tensors: Readonly<Record<string, HostTensor | QuantizedTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const parts: Record<string, HostTensor | RawTensor> = {};
  const described: Description = { version: 1, tensors: {} };
  for (const [name, tensor] of Object.entries(tensors)) {
    if ('data' in tensor) {
      parts[name] = tensor;
      continue;
    }
    const { scheme, shape, scales, zeros, codebook } = tensor;
    described.tensors[name] = { scheme, shape: [...shape] };
    parts[name] = codesOf(tensor);
    const list = [scales.values.length];
    if (scales.kind === 'float') parts[`${name}.scales`] = { shape: list, data: scales.values };
    else if (scales.kind === 'half') parts[`${name}.scales`] = { dtype: 'F16', shape: list, data: scales.codes };
    else {
      parts[`${name}.scales`] = { dtype: 'F8_E4M3', shape: list, data: scales.codes };
      parts[`${name}.factor`] = { shape: [], data: Float32Array.of(scales.factor) };
    }
    if (zeros) {
      const packed = packHighFirst(zeros);
      parts[`${name}.zeros`] = { dtype: 'U8', shape: [packed.length], data: packed };
    }
    if (codebook) parts[`${name}.codebook`] = { shape: [16], data: codebook };
  }
  const coded: Record<string, string> =
    Object.keys(described.tensors).length > 0 ? { [FIELD]: JSON.stringify(described) } : {};
  await writeSafetensors(path, parts, { metadata: { ...metadata, ...coded } });
}

function codesOf({ scheme, shape, codes }: QuantizedTensor): RawTensor {
  if (scheme === 'fp8') return { dtype: 'F8_E4M3', shape, data: codes };
  if (rules[scheme].bits === 8) return { dtype: 'U8', shape, data: codes };
  const packed = packHighFirst(codes);
  return { dtype: 'U8', shape: [packed.length], data: packed };
}

/**
 * Reads a file of {@link writeQuantized}, or any other safetensors file, which then has no quantised tensors. Every part
 * of a quantised tensor is checked before it is decoded.
 *
 * @throws UserError naming the file and the tensor at fault.
 */
export function readQuantized(path: string, options: Pick<ReadOptions, 'skip'> = {}): QuantizedFile {
  let described: Description['tensors'] = {};
  const { tensors, raw, metadata } = readSafetensors(path, {
    ...options,
    raw(name, metadata) {
      described = describedIn(metadata, path);
      return Object.hasOwn(described, name) || PARTS.some((part) => isPartOf(name, part, described));
    },
  });
  const quantized: Record<string, QuantizedTensor> = {};
  for (const [name, { scheme, shape }] of Object.entries(described)) {
    quantized[name] = new Parts(path, name, tensors, raw).assemble(scheme, shape);
    tensors[name] = dequantize(quantized[name]);
  }
  for (const name of Object.keys(tensors)) {
    if (PARTS.some((part) => isPartOf(name, part, described))) delete tensors[name];
  }
  return { tensors, quantized, metadata };
}

function isPartOf(name: string, part: Part, described: Description['tensors']): boolean {
  return name.endsWith(`.${part}`) && Object.hasOwn(described, name.slice(0, -part.length - 1));
}

function describedIn(metadata: Readonly<Record<string, string>>, path: string): Description['tensors'] {
  if (metadata[FIELD] === undefined) return {};
  const json = jsonOrNothing(metadata[FIELD]);
  if (json === undefined) {
    throw new UserError(`${path}: metadata ${FIELD}: expected JSON: the file is damaged; quantise the model again`);
  }
  const parsed = description.safeParse(json, { reportInput: true });
  if (parsed.success) return parsed.data.tensors;
  const fault = describeIssue(parsed.error.issues[0]!);
  throw new UserError(`${path}: metadata ${FIELD}: ${fault}: quantise the model again`);
}

/** The parts of one quantised tensor, taken and checked one by one. */
class Parts {
  constructor(
    private readonly path: string,
    private readonly name: string,
    private readonly plain: Readonly<Record<string, HostTensor>>,
    private readonly raw: Readonly<Record<string, RawTensor>>,
  ) {}

  assemble(scheme: QuantizedTensor['scheme'], shape: readonly number[]): QuantizedTensor {
    const size = shape.reduce((a, b) => a * b, 1);
    const { bits } = rules[scheme];
    const { count } = blocksOf(scheme, shape);
    const stored = this.bytes('', bits === 8 ? size : Math.ceil(size / 2), scheme === 'fp8' ? 'F8_E4M3' : 'U8');
    const codes = bits === 8 ? stored : unpackHighFirst(stored, size);
    if (scheme === 'fp8') this.checkFloat8('', codes);
    const zeros =
      scheme === 'int4' ? unpackHighFirst(this.bytes('zeros', Math.ceil(count / 2), 'U8'), count) : undefined;
    const codebook = scheme === 'codebook' ? this.floats('codebook', 16) : undefined;
    if (codebook?.some((value, i) => i > 0 && value < codebook[i - 1]!))
      this.fail('codebook', 'expected rising values');
    return { scheme, shape, codes, scales: this.scales(scheme, count), zeros, codebook };
  }

  private scales(scheme: QuantizedTensor['scheme'], count: number): Scales {
    const { scales: kind } = rules[scheme];
    const positive = (values: Float32Array) => {
      const at = values.findIndex((value) => !(value > 0 && value < Number.POSITIVE_INFINITY));
      if (at >= 0) this.fail('scales', `expected finite numbers above 0, got ${values[at]} for block ${at}`);
      return values;
    };
    if (kind === 'float') return { kind, values: positive(this.floats('scales', count)) };
    if (kind === 'half') {
      const codes = this.take('scales', count, 'F16') as Uint16Array;
      return { kind, codes, values: positive(halfToFloat(codes)) };
    }
    const codes = this.bytes('scales', count, 'F8_E4M3');
    const factor = this.floats('factor', 1)[0]!;
    const table = float8Values();
    return { kind, codes, factor, values: positive(Float32Array.from(codes, (code) => table[code]! * factor)) };
  }

  private bytes(part: Part | '', count: number, dtype: 'U8' | 'F8_E4M3'): Uint8Array {
    return this.take(part, count, dtype) as Uint8Array;
  }

  private take(part: Part | '', count: number, dtype: RawTensor['dtype']): Uint8Array | Uint16Array {
    const tensor = this.raw[this.full(part)];
    if (tensor?.dtype !== dtype || tensor.data.length !== count) {
      const got = tensor ?? this.plain[this.full(part)];
      const kind = tensor ? `${tensor.dtype} ` : '';
      return this.fail(
        part,
        `expected ${count} of ${dtype}, got ${got ? `${kind}[${got.shape.join(', ')}]` : 'nothing'}`,
      );
    }
    return tensor.data;
  }

  private floats(part: Part, count: number): Float32Array {
    const tensor = this.plain[this.full(part)];
    if (!(tensor?.data instanceof Float32Array) || tensor.data.length !== count) {
      return this.fail(part, `expected ${count} of F32, got ${tensor ? `[${tensor.shape.join(', ')}]` : 'nothing'}`);
    }
    const at = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) this.fail(part, `expected finite numbers, got ${tensor.data[at]} at element ${at}`);
    return tensor.data;
  }

  private checkFloat8(part: Part | '', codes: Uint8Array): void {
    const at = codes.findIndex((code) => (code & 0x7f) === 0x7f);
    if (at >= 0) this.fail(part, `expected numbers, got NaN at element ${at}`);
  }

  private full(part: Part | ''): string {
    return part === '' ? this.name : `${this.name}.${part}`;
  }

  private fail(part: Part | '', what: string): never {
    throw new UserError(`${this.path}: ${this.full(part)}: ${what}: the file is damaged; quantise the model again`);
  }
}
