import { existsSync } from 'node:fs';
import { UserError } from '../../errors.js';
import { type Dtype, dtypes } from './onnx-dtypes.js';

/** A model, and which variant of its ONNX files is meant. */
export interface NamedVariant {
  /** Folder or hub id. */
  readonly model: string;
  readonly dtype?: Dtype;
}

/**
 * Reads `MODEL` or `MODEL#DTYPE`. A folder whose own name has a # is taken whole.
 *
 * @throws UserError for a DTYPE that is none
 * @example
 * splitVariant('small#q4'); // { model: 'small', dtype: 'q4' }
 */
export function splitVariant(name: string): NamedVariant {
  const mark = name.lastIndexOf('#');
  if (mark < 0 || existsSync(name)) return { model: name };
  const [model, dtype] = [name.slice(0, mark), name.slice(mark + 1)];
  if (dtypes.includes(dtype as Dtype)) return { model, dtype: dtype as Dtype };
  throw new UserError(`${name}: expected one of ${dtypes.join(', ')} behind the #, got "${dtype}"`);
}
