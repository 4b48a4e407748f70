import type { FileMetaData } from 'hyparquet';
import { plainName } from '../../labels/class-labels.js';

interface Feature {
  readonly names?: unknown;
  readonly feature?: Feature;
}

/** The names of a `ClassLabel`, which Hugging Face's datasets keeps in the file's metadata. */
export function classLabelNames({ key_value_metadata }: FileMetaData, column: string): string[] | undefined {
  const text = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  let features: Readonly<Record<string, Feature>> | undefined;
  try {
    features = (JSON.parse(text ?? '{}') as { info?: { features?: Record<string, Feature> } } | null)?.info?.features;
  } catch {
    return undefined;
  }
  if (!features || !Object.hasOwn(features, column)) return undefined;
  const names = features[column]?.names ?? features[column]?.feature?.names;
  return Array.isArray(names) ? names.map((name) => plainName(String(name))) : undefined;
}
