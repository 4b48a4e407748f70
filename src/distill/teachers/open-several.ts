import { tokenizeAll } from '../../clip/index.js';
import { examplesOf, type ImageTextDataset, isLabelled } from '../../data/index.js';
import type { Batches } from '../batches/batches.js';
import type { TargetOptions } from '../batches/open-batches.js';
import type { FusionFigures } from '../fusion/measure.js';
import { activeLosses, type LossName, lossNames, storedStates } from '../losses/index.js';
import type { OtherModel } from '../losses/loss.js';
import type { DistillRecipe } from '../recipe.js';
import { ensureTargets } from '../targets/extract-targets.js';
import { TextTargets } from '../targets/text-targets.js';
import type { Teacher } from '../teacher/teacher.js';
import { lossesOf, sectionsOf } from './check-teachers.js';
import { type ClassTexts, classTexts } from './class-texts.js';
import { classRows, fitFusion } from './fit-fusion.js';
import type { SeveralStream } from './several-stream.js';
import { SeveralTargets, type TeacherRecords } from './several-targets.js';
import { storeFolder } from './store-folder.js';
import { ruleOf } from './teachers-recipe.js';

export interface SeveralSource {
  /** All, the first too. */
  readonly teachers: readonly Teacher[];
  readonly others: readonly OtherModel[];
  readonly dataset: ImageTextDataset;
  readonly recipe: DistillRecipe;
  /** Of the first teacher, complete. */
  readonly batches: Batches;
  readonly targets: TargetOptions;
  /** Batches of the whole run. */
  readonly steps: number;
  readonly halves: boolean;
}

export interface OpenedSeveral {
  readonly stream: SeveralStream;
  /** Left out where no labelled image is held out. */
  readonly figures?: FusionFigures;
  /** What of the fit decides the run's result. */
  readonly identity: string;
}

/**
 * Brings further teachers into a run: their stored targets, temperatures and the rule, fitted on held-out images, and joins
 * them with the first's batches.
 *
 * @throws UserError for stores of something else, or a rule that cannot be fitted; the signal's reason where it is aborted
 */
export async function openSeveral(source: SeveralSource): Promise<OpenedSeveral> {
  const { teachers, recipe, batches, others, steps, halves } = source;
  const { signal } = source.targets;
  const dirs = teachers.map((teacher, k) => storeFolder(source.targets.dir, teacher, recipe.teachers[k]?.model));
  const records: TeacherRecords[] = [];
  const texts: ClassTexts[] = [];
  try {
    for (const [k, teacher] of teachers.entries()) {
      const own =
        k === 0 ? { store: batches.store, embeds: batches.bank.embeds } : await openStore(source, k, dirs[k]!);
      records.push(own);
      const read = { bank: batches.bank, embeds: own.embeds, recipe, dataset: source.dataset };
      texts.push(await classTexts(teacher, sectionsOf(recipe, teachers.length)[k]!, read, textProgress(source)));
      if (texts[k]!.own) records[k] = { ...own, classEmbeds: texts[k]!.classes.data };
    }
    const responders = [...teachers.keys()].filter((k) => givesOf(recipe, teachers, k).has('response'));
    const { fusion, figures } = await fitFusion(source, {
      dirs,
      texts,
      responders,
      stores: records.map(({ store }) => store),
    });
    signal?.throwIfAborted();
    const several = new SeveralTargets({
      ...{ teachers: records, fusion, responders, steps, halves },
      labels: labelRows(source),
      batch: recipe.batch,
      share: batches.share,
      textCount: batches.textCount,
      seed: recipe.seed,
      views: recipe.views,
      drop: recipe.fusion.drop,
    });
    batches.join(several);
    const stream = {
      others,
      firstGives: givesOf(recipe, teachers, 0),
      responders: responders.map((index, i) => ({
        index,
        scale: teachers[index]!.params.logit_scale!,
        temperature: fusion.classifiers[i]!.temperature,
        known: fusion.classifiers[i]!.known !== undefined,
      })),
      isAdaptive: fusion.rule === 'adaptive',
    };
    return { stream, figures, identity: teachers.map((teacher) => teacher.fingerprint()).join(' ') };
  } catch (error) {
    for (const { store } of records.slice(1)) store.close();
    throw error;
  }
}

const givesOf = (recipe: DistillRecipe, teachers: readonly Teacher[], k: number) =>
  lossesOf(sectionsOf(recipe, teachers.length)[k]!, k, teachers[k]!.inner);

const textProgress = ({ targets: { signal, onTexts } }: SeveralSource) => ({ signal, onProgress: onTexts });

/** The stored targets of teacher k, and its features of the run's texts. */
async function openStore(source: SeveralSource, k: number, dir: string): Promise<TeacherRecords> {
  const { teachers, recipe, dataset, others, batches } = source;
  const { signal, onTexts: _, dir: __, ...images } = source.targets;
  const teacher = teachers[k]!;
  const { pairs, config, gives } = others[k - 1]!;
  const active = activeLosses(recipe, lossNames);
  const needs = new Set([...active].filter((name): name is LossName => gives.has(name)));
  const { hidden, attention } = pairs.length > 0 ? storedStates(needs, pairs, config) : { hidden: [], attention: [] };
  const features = new TextTargets(teacher, dir, textProgress(source));
  const positions = teacher.config.text_config.max_position_embeddings;
  const { embeds } = await features.of(tokenizeAll(teacher.tokenizer, batches.bank.texts, positions), false);
  const store = await ensureTargets({
    ...{ teacher, dataset, hidden: [...hidden], attention: [...attention], dir, signal },
    examples: examplesOf(dataset, recipe.data.split),
    ...{ views: recipe.views, augment: recipe.augment, seed: recipe.seed, precision: recipe.targets.precision },
    ...images,
  });
  if (!store.complete) {
    store.close();
    signal?.throwIfAborted();
  }
  await features.save();
  return { store, embeds };
}

/** Rows of the examples' classes, where the rule may read them; -1 elsewhere. */
function labelRows({ recipe, dataset }: SeveralSource): Int32Array {
  const rows = classRows(dataset);
  const reads = ruleOf(recipe) === 'adaptive' && recipe.fusion.adaptive.labels;
  return Int32Array.from(examplesOf(dataset, recipe.data.split), (example) =>
    reads && isLabelled(example) ? (rows.get(example.label) ?? -1) : -1,
  );
}
