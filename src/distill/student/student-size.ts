import { type ClipConfig, expectedParams } from '../../clip/index.js';
import { UserError } from '../../errors.js';
import { elements } from '../../tensor/index.js';

/** Sizes of a student by name: its vision tower's width as a share of the teacher's. */
export const studentSizes = { tiny: 0.25, small: 0.375, base: 0.5 } as const;
/** How large a student is, relative to its teacher. */
export type StudentSize = keyof typeof studentSizes;

type Tower = Pick<
  ClipConfig['text_config'],
  'hidden_size' | 'intermediate_size' | 'num_hidden_layers' | 'num_attention_heads'
>;
/** Fields of a tower that stand already. */
export type GivenTower = Partial<Tower>;

export interface StudentShape {
  readonly vision: Tower;
  readonly text: Tower;
}

/**
 * A student's towers as a share of its teacher's, as recipes/distill-emoji.yaml was tuned: at 3/8 of the vision width half
 * the layers and an MLP three times as wide; the text tower, which is the cheaper to run, at two thirds of that share.
 *
 * @param given fields that stand already: the others fit them
 */
export function studentShape(
  share: number,
  teacher: Pick<ClipConfig, 'vision_config' | 'text_config'>,
  given: { readonly vision?: GivenTower; readonly text?: GivenTower } = {},
): StudentShape {
  const depth = share < 0.3 ? 1 / 3 : share < 0.7 ? 1 / 2 : share < 0.9 ? 2 / 3 : 1;
  return {
    vision: tower(share, depth, 3, teacher.vision_config, given.vision),
    text: tower((2 / 3) * share, depth, 2, teacher.text_config, given.text),
  };
}

/** Width below which a tower has four heads. */
const narrow = 64;

function tower(share: number, depth: number, inner: number, teacher: Tower, given: GivenTower = {}): Tower {
  const width = given.hidden_size ?? Math.max(8, 8 * Math.floor((share * teacher.hidden_size) / 8));
  return {
    hidden_size: width,
    intermediate_size: given.intermediate_size ?? Math.min(inner * width, teacher.intermediate_size),
    // Two layers at least, where the teacher has them: one alone mixes too little.
    num_hidden_layers:
      given.num_hidden_layers ??
      Math.min(teacher.num_hidden_layers, Math.max(2, Math.ceil(depth * teacher.num_hidden_layers))),
    num_attention_heads: given.num_attention_heads ?? heads(width, teacher),
  };
}

/**
 * The fewest heads that are no larger than the teacher's: each is cut out of one of them. In narrow towers four at least: with
 * two the drawings' student learned less (docs/benchmarks.md, "Without a recipe").
 */
function heads(width: number, teacher: Tower): number {
  const largest = teacher.hidden_size / teacher.num_attention_heads;
  const fewest = width < narrow ? Math.min(4, teacher.num_attention_heads) : 1;
  for (let count = Math.max(fewest, Math.ceil(width / largest)); count <= teacher.num_attention_heads; count++)
    if (width % count === 0) return count;
  return 1;
}

/** Numbers in a model of a configuration. */
export function parametersOf(config: ClipConfig): number {
  return Object.values(expectedParams(config)).reduce((sum, shape) => sum + elements(shape), 0);
}

/** Shares that limits choose among, the smallest first. */
export const studentShares: readonly number[] = Array.from({ length: 31 }, (_, i) => (i + 2) / 32);

/**
 * The largest share of {@link studentShape} of which the student stays below a number of parameters.
 *
 * @param count parameters of the student of a share
 * @param remedy how the smallest could be smaller, for the sentence that refuses it
 * @throws UserError where even the smallest is larger
 */
export function largestShare(most: number, count: (share: number) => number, remedy = ''): number {
  const fits = studentShares.filter((share) => count(share) <= most).at(-1);
  if (fits !== undefined) return fits;
  throw new UserError(
    `--max-parameters, --max-bytes: expected at least ${count(studentShares[0]!).toLocaleString('en-GB')} parameters of four bytes, the smallest student that can be cut out of this teacher, got ${Math.floor(most).toLocaleString('en-GB')}${remedy}`,
  );
}
