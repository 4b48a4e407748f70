import { UserError } from '../errors.js';
import { dots, type Rows, selectRows, toUnitRows } from '../math/index.js';
import { logitFactor } from '../model/index.js';
import { classText } from '../prompt/index.js';
import type { CompileOptions } from '../runtime/index.js';
import { answerLogits } from './answers.js';
import type { Bank } from './bank.js';
import { bankTexts, type EncodedByBank } from './bank-encoders.js';

/** Classes as a bank tells them apart. */
export interface BankClasses {
  readonly names: readonly string[];
  /** Features of the classes as each task has them [C, P], and last as the plain student has them. */
  readonly features: readonly Rows[];
  /** For each task, and last for none, whether it knows each class. */
  readonly known: readonly (readonly boolean[])[];
}

/** Mean over templates of unit features, of unit length again; texts stand template by template. */
function classMeans(texts: Rows, classes: number, weights: readonly number[] | undefined): Rows {
  const { width, count } = texts;
  const data = new Float32Array(classes * width);
  for (let row = 0; row < count; row++) {
    const weight = weights?.[Math.floor(row / classes)] ?? 1;
    const at = (row % classes) * width;
    for (let k = 0; k < width; k++) data[at + k]! += weight * texts.data[row * width + k]!;
  }
  return toUnitRows({ data, count: classes, width });
}

/**
 * Features of classes by all of a bank's tasks.
 *
 * @param templates `{}` or `[OBJ]` stands for the class. @defaultValue the bank's
 * @throws UserError for classes that a visual student does not know
 */
export async function bankClasses(
  bank: Bank,
  names: readonly string[],
  options: Pick<CompileOptions, 'device' | 'threads'> & {
    readonly templates?: readonly string[];
    readonly weights?: readonly number[];
  } = {},
): Promise<BankClasses> {
  const { templates = bank.templates, weights, ...engine } = options;
  const texts = templates.flatMap((template) => names.map((name) => classText(template, name)));
  const of = async (task?: number) => {
    const saved = visualClasses(bank, names);
    return saved ?? classMeans(await bankTexts(bank, texts, task, engine), names.length, weights);
  };
  const plain = await of();
  const features: Rows[] = [];
  // Without text prompts of its own a task reads texts as the plain student does.
  for (const [t, { prompts }] of bank.tasks.entries()) features.push(prompts['text.0'] ? await of(t) : plain);
  features.push(plain);
  const known = bank.tasks.map((task) => {
    const own = new Set(task.classes);
    return names.map((name) => bank.routing === 'mixture' || own.has(name));
  });
  return { names, features, known: [...known, names.map(() => bank.routing === 'mixture')] };
}

/** The class features of a visual student, which reads no texts. */
function visualClasses({ frozen }: Bank, names: readonly string[]): Rows | undefined {
  if (!frozen.projector) return undefined;
  const { names: all, features } = frozen.classes!;
  const rows = names.map((name) => all.indexOf(name));
  const missing = rows.indexOf(-1);
  if (missing >= 0) {
    throw new UserError(
      `classes: "${names[missing]}" is none of the ${all.length} that the bank's visual student knows: distil it on them with promptkd cvpr2024`,
    );
  }
  return selectRows({ data: features.data, count: all.length, width: features.shape[1]! }, rows);
}

/**
 * What a bank takes an image for: logarithms of class probabilities, see `answerLogits`.
 *
 * @param row of the image
 * @returns [C]
 */
export function bankAnswer(bank: Bank, images: EncodedByBank, row: number, classes: BankClasses): Float64Array {
  const { frozen } = bank;
  const factor = logitFactor(frozen);
  const logits = (rows: Rows, texts: Rows) =>
    dots(rows, row, texts, new Float64Array(texts.count)).map((cosine) => factor * cosine);
  const none = bank.tasks.length;
  const task = images.task[row]!;
  const plain = logits(images.plain, classes.features[none]!);
  return answerLogits(plain, logits(images.routed, classes.features[task]!), classes.known[task]!);
}
