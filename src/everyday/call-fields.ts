import { z } from 'zod';
import type { EncodeOptions } from './open-encoder.js';

// What the one-liners are given, for callers whose types nobody checks.

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A name, or what it names, opened. */
export const nameOr = (opened: string) =>
  z.custom((value) => (typeof value === 'string' && value !== '') || isObject(value), {
    error: `expected a name or ${opened}`,
  });

export const model = nameOr('a model that was loaded');

export const images = z.array(
  z.custom(
    (value) =>
      (typeof value === 'string' && value !== '') ||
      value instanceof URL ||
      value instanceof Uint8Array ||
      value instanceof Blob,
    { error: 'expected a path, a file: URL, bytes or a Blob' },
  ),
);

export const texts = z.array(z.string().min(1));

/** An object of fields that are checked elsewhere. */
export const someFields = z.custom(isObject, { error: 'expected an object of fields' });

/** Fields of {@link EncodeOptions}. */
export const encodeFields = {
  threads: z.int().min(1).optional(),
  maxPixels: z.number().positive().optional(),
} satisfies Record<keyof EncodeOptions, z.ZodType>;
