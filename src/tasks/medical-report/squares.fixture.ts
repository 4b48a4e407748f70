import type { Example, RawImage } from '../../data/index.js';
import { Random } from '../../math/index.js';
import type { Studies, Study } from './data/study.js';
import { findingSet } from './labels/finding-set.js';

/** Studies of two findings in 16 × 16 pixels: an effusion is a bright square below, a large heart one in the middle. */
const affirmed = {
  'pleural effusion': ['There is a pleural effusion.', 'Pleural effusion is present.'],
  cardiomegaly: ['The heart is enlarged.', 'Cardiomegaly is present.'],
} as const;
const denied = {
  'pleural effusion': ['No pleural effusion.', 'There is no effusion.'],
  cardiomegaly: ['Heart size is normal.', 'The heart is normal in size.'],
} as const;
type Name = keyof typeof affirmed;
const names = Object.keys(affirmed) as Name[];

export const squareSide = 16;

/** What a study shows, by its place: all four combinations come round. */
const shows = (i: number): Name[] => names.filter((_, f) => (i >> f) % 2 === 1);

export function squareImage(i: number): RawImage {
  const random = new Random('squares', i);
  const data = Uint8Array.from({ length: squareSide ** 2 * 3 }, () => 40 + random.int(30));
  const fill = (left: number, top: number, size: number) => {
    for (let y = top; y < top + size; y++) {
      for (let x = left; x < left + size; x++) data.fill(230, 3 * (y * squareSide + x), 3 * (y * squareSide + x) + 3);
    }
  };
  const found = shows(i);
  if (found.includes('pleural effusion')) fill(random.int(3), 11, 5);
  if (found.includes('cardiomegaly')) fill(7 + random.int(3), 3, 6);
  return { width: squareSide, height: squareSide, channels: 3, data };
}

export function squareReport(i: number): string {
  const random = new Random('square-report', i);
  const sentences = names.map((name) => random.pick((shows(i).includes(name) ? affirmed : denied)[name]));
  return [...sentences, ...(i % 7 === 3 ? ['Unchanged from the prior study.'] : [])].join(' ');
}

/** @param each how many studies a split */
export function squareStudies(each: Readonly<Record<string, number>> = { train: 48, val: 32, test: 24 }): Studies {
  const studies: Study[] = [];
  const splits: Record<string, Example[]> = {};
  let place = 0;
  for (const [split, count] of Object.entries(each)) {
    splits[split] = Array.from({ length: count }, () => {
      const example = { id: String(place), captions: [] };
      studies.push({ id: `study-${place}`, split, images: [example], report: squareReport(place) });
      place++;
      return example;
    });
  }
  return {
    ...{ name: 'squares', studies, findings: findingSet('phantoms'), skipped: [], synthetic: true },
    dataset: {
      ...{ name: 'squares', classes: [], splits, skipped: [], fingerprint: 'squares-1' },
      load: async ({ id }) => squareImage(Number(id)),
    },
  };
}
