import { tokenizeAll } from '../../clip/index.js';
import type { ImageTextDataset } from '../../data/index.js';
import { classFeatures } from '../../evaluate/index.js';
import { type Rows, selectRows, toUnitRows } from '../../math/index.js';
import { classText, readPromptSet } from '../../prompt/index.js';
import type { TextBank } from '../batches/text-bank.js';
import type { DistillRecipe } from '../recipe.js';
import type { Teacher } from '../teacher/teacher.js';
import type { TextProgress } from '../teacher/text-progress.js';
import type { TeacherSection } from './teachers-recipe.js';

/** A teacher's features of the run's classes. */
export interface ClassTexts {
  /** Unit rows [C, P]. */
  readonly classes: Rows;
  /** Whether they are of texts of its own, and not of the run's. */
  readonly own: boolean;
}

/**
 * A class is the mean of its texts: those of the teacher's own templates where its section names some, otherwise the run's.
 *
 * @param embeds the teacher's features of the run's texts [texts, P]
 * @throws UserError for a file of prompts that cannot be read; the signal's reason where it is aborted
 */
export async function classTexts(
  teacher: Teacher,
  section: TeacherSection,
  {
    bank,
    embeds,
    recipe,
    dataset,
  }: { bank: TextBank; embeds: Float32Array; recipe: DistillRecipe; dataset: ImageTextDataset },
  progress: TextProgress,
): Promise<ClassTexts> {
  const width = teacher.config.projection_dim;
  const given = section.prompts === undefined ? undefined : await readPromptSet(section.prompts);
  const templates = given?.templates ?? section.templates;
  if (!templates) {
    const all = { data: embeds, count: bank.texts.length, width };
    const used = toUnitRows(selectRows(all, bank.classes.flat()));
    const each = bank.classes[0]!.length;
    const rows = bank.classes.map((texts, c) => texts.map((_, i) => c * each + i));
    return { classes: classFeatures(used, rows, recipe.texts.weights), own: false };
  }
  const names = dataset.classes.filter(({ novel }) => !novel).map(({ name }) => name);
  const texts = names.flatMap((name) => templates.map((template) => classText(template, name)));
  const tokens = tokenizeAll(teacher.tokenizer, texts, teacher.config.text_config.max_position_embeddings);
  const made = await teacher.texts(tokens, false, progress);
  const units = toUnitRows({ data: made.embeds, count: texts.length, width });
  const rows = names.map((_, c) => templates.map((__, i) => c * templates.length + i));
  return { classes: classFeatures(units, rows, given?.weights), own: true };
}
