import type { Random } from '../../../math/index.js';

/** What a phantom may show, by name. */
export const phantomFindings = [
  'nodule in the right upper zone',
  'nodule in the right lower zone',
  'nodule in the left upper zone',
  'nodule in the left lower zone',
  'pleural effusion',
  'cardiomegaly',
  'lung opacity',
  'device line',
] as const;
export type PhantomFinding = (typeof phantomFindings)[number];

/** Of the patient: the patient's right is on the left of the image, as radiographs are read. */
export type Side = 'right' | 'left';
export type Amount = 'small' | 'moderate' | 'large';

/** A synthetic chest: all that its image and its report say. It is nobody's. */
export interface Chest {
  readonly findings: ReadonlySet<PhantomFinding>;
  readonly effusion: { readonly side: Side; readonly amount: Amount };
  readonly opacity: { readonly side: Side; readonly zone: 'upper' | 'mid' | 'lower' };
  /** Where the line enters. */
  readonly line: Side;
  /** Shares of the image that anatomy and technique vary by. */
  readonly build: Build;
}

export interface Build {
  /** Of the thorax's width and height. */
  readonly scale: readonly [number, number];
  /** Of the middle, as shares of the image's side. */
  readonly shift: readonly [number, number];
  /** Degrees. */
  readonly tilt: number;
  /** Width of the heart over that of the thorax: above one half is cardiomegaly. */
  readonly heart: number;
  /** How bright bones, soft tissue and lungs are, 0 … 1. */
  readonly bone: number;
  readonly tissue: number;
  readonly air: number;
  /** Standard deviation of the noise, of 255. */
  readonly noise: number;
}

/** Share of the chests that show nothing. */
const normal = 0.35;
/** How often one, two and three findings stand together, of those that show some. */
const together = [0.5, 0.35, 0.15];

/** A chest by lot. */
export function drawChest(random: Random): Chest {
  const count = random.float() < normal ? 0 : random.weighted([1, 2, 3], together);
  const findings = new Set(random.shuffle(phantomFindings).slice(0, count));
  return {
    findings,
    effusion: { side: random.pick(['right', 'left']), amount: random.pick(['small', 'moderate', 'large']) },
    opacity: { side: random.pick(['right', 'left']), zone: random.pick(['upper', 'mid', 'lower']) },
    line: random.pick(['right', 'left']),
    build: {
      scale: [random.uniform(0.9, 1.06), random.uniform(0.92, 1.06)],
      shift: [random.uniform(-0.03, 0.03), random.uniform(-0.03, 0.03)],
      tilt: random.uniform(-4, 4),
      heart: findings.has('cardiomegaly') ? random.uniform(0.57, 0.68) : random.uniform(0.38, 0.47),
      bone: random.uniform(0.6, 0.78),
      tissue: random.uniform(0.42, 0.56),
      air: random.uniform(0.1, 0.2),
      noise: random.uniform(3, 9),
    },
  };
}
