import type { EmbedOptions } from '../evaluate/index.js';
import type { PartOptions } from './parts.js';

/** Options of {@link findPrompts}. */
export interface PromptSearchOptions extends Partial<PartOptions>, Pick<EmbedOptions, 'device' | 'threads' | 'signal'> {
  /** Domains of the library to search. @defaultValue all */
  readonly domains?: readonly string[];
  /** Most templates of the library to score, drawn at random. @defaultValue all */
  readonly templates?: number;
  /** Search without looking at labels, by the names of the classes. @defaultValue false: where there are some */
  readonly unlabelled?: boolean;
  /** Most templates of the set that is found. @defaultValue 12 */
  readonly size?: number;
  /** Sets that the beam keeps. @defaultValue 4 */
  readonly beam?: number;
  /** Best templates that sets are made of. @defaultValue 96 */
  readonly pool?: number;
  /** @defaultValue 6 */
  readonly generations?: number;
  /** Candidates of a generation. @defaultValue 48 */
  readonly population?: number;
  /** Templates whose slots are searched one by one. @defaultValue 8 */
  readonly tuned?: number;
  /** Rounds of the gradient-guided token search on the best template; needs labels. @defaultValue 0 */
  readonly tokens?: number;
  /** What the gain is reported over, beside the published ensembles. @defaultValue those of `evaluate`: `usualTemplates` */
  readonly defaults?: readonly string[];
  /** Told once what images are told apart by, where this is not their labels. */
  readonly onMessage?: (message: string) => void;
  readonly onProgress?: (phase: SearchPhase, done: number, total: number) => void;
}

/** What a search for prompts does now. */
export type SearchPhase = 'images' | 'templates' | 'evolution' | 'tokens' | 'sets' | 'held-out images';

type Open = 'domains' | 'templates' | 'device' | 'threads' | 'signal' | 'onMessage' | 'onProgress';

/** The options with every number settled. */
export type SearchSettings = Required<Omit<PromptSearchOptions, Open>> & Pick<PromptSearchOptions, Open>;

/** What a search for prompts takes where an option is left out. */
export const searchDefaults: Required<Omit<PromptSearchOptions, Open | 'defaults'>> = {
  split: 'val',
  heldOut: 'test',
  images: 1000,
  seed: 0,
  unlabelled: false,
  size: 12,
  beam: 4,
  pool: 96,
  generations: 6,
  population: 48,
  tuned: 8,
  tokens: 0,
};
