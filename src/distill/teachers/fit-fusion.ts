import type { ImageTextDataset, LabelledExample } from '../../data/index.js';
import { UserError } from '../../errors.js';
import { type Rows, selectRows, toUnitRows } from '../../math/index.js';
import type { TargetOptions } from '../batches/open-batches.js';
import type { Classifier } from '../fusion/answers.js';
import { type Fusion, type FusionOptions, fitByEntropy, fitByLabels, fuse, meanEntropy } from '../fusion/fusion.js';
import { type FusionFigures, measureFusion } from '../fusion/measure.js';
import type { DistillRecipe } from '../recipe.js';
import type { TargetStore } from '../targets/target-store.js';
import type { Teacher } from '../teacher/teacher.js';
import { sectionsOf, teacherName } from './check-teachers.js';
import type { ClassTexts } from './class-texts.js';
import { type HeldOutFeatures, heldOutExamples, heldOutFeatures } from './held-out.js';
import { ruleOf } from './teachers-recipe.js';

export interface FitSource {
  readonly teachers: readonly Teacher[];
  readonly dataset: ImageTextDataset;
  readonly recipe: DistillRecipe;
  readonly targets: TargetOptions;
}

/** What is at hand of the teachers, by their place among all. */
export interface Gathered {
  /** Folders of their target stores. */
  readonly dirs: readonly string[];
  readonly texts: readonly ClassTexts[];
  readonly stores: readonly TargetStore[];
  /** Those that answer. */
  readonly responders: readonly number[];
}

/**
 * Fits the temperatures and the rule on held-out images, and measures teachers and rule on others, where there are labels.
 *
 * @throws UserError for a rule that needs labels, where no image with one is held out; the signal's reason where it is aborted
 */
export async function fitFusion(
  source: FitSource,
  gathered: Gathered,
): Promise<{ fusion: Fusion; figures?: FusionFigures }> {
  const { recipe, dataset } = source;
  const { held_out, images, measured_on } = recipe.fusion;
  const rule = ruleOf(recipe);
  const examples = heldOutExamples(dataset, held_out, images);
  if (examples.length === 0 && (rule === 'validated' || rule === 'learned')) {
    throw new UserError(
      `fusion.rule: ${rule} is fitted on labelled images, and ${dataset.name} has none in ${held_out}: name another split with fusion.held_out, or take another rule`,
    );
  }
  const held = await readBy(source, gathered, examples);
  const fusion = await fuse(fitted(source, gathered, held), held, fusionOptions(recipe, rule));
  const tested = heldOutExamples(dataset, measured_on, images);
  const measured = tested.length > 0 ? await readBy(source, gathered, tested) : held;
  if (measured.labels.length === 0) return { fusion };
  const names = gathered.responders.map((k) => teacherName(recipe, k));
  const split = tested.length > 0 ? measured_on : held_out;
  return { fusion, figures: measureFusion(fusion, { split, ...measured }, names, baseNames(dataset)) };
}

const baseNames = ({ classes }: ImageTextDataset) => classes.filter(({ novel }) => !novel).map(({ name }) => name);

/** For each base class's label its row among the run's classes. */
export function classRows(dataset: ImageTextDataset): Map<number, number> {
  const base = dataset.classes.flatMap(({ novel }, label) => (novel ? [] : [label]));
  return new Map(base.map((label, row) => [label, row]));
}

/** Features of some images by all responding teachers, of those that all of them could read. */
async function readBy(
  { teachers, dataset, targets }: FitSource,
  { dirs, responders }: Gathered,
  examples: readonly LabelledExample[],
): Promise<{ rows: Rows[]; labels: number[] }> {
  if (examples.length === 0) return { rows: [], labels: [] };
  const { signal, onProgress } = targets;
  const features: HeldOutFeatures[] = [];
  for (const k of responders)
    features.push(await heldOutFeatures(teachers[k]!, { dataset, examples, dir: dirs[k]!, signal, onProgress }));
  const places = features.map(({ ids }) => new Map(ids.map((id, i) => [id, i])));
  const common = examples.filter(({ id }) => places.every((place) => place.has(id)));
  const classes = classRows(dataset);
  return {
    rows: features.map(({ rows }, i) =>
      selectRows(
        rows,
        common.map(({ id }) => places[i]!.get(id)!),
      ),
    ),
    labels: common.map(({ label }) => classes.get(label)!),
  };
}

/** Most stored training images that temperatures are matched on, where no label is known. */
const mostMatched = 512;

/** The responding teachers as classifiers, each with its temperature: given, fitted by labels, or matched to the first's. */
function fitted(
  { recipe, teachers, dataset }: FitSource,
  { texts, stores, responders }: Gathered,
  held: { readonly rows: readonly Rows[]; readonly labels: readonly number[] },
): Classifier[] {
  const names = baseNames(dataset);
  const sections = sectionsOf(recipe, teachers.length);
  const done: Classifier[] = [];
  for (const [i, k] of responders.entries()) {
    const { temperature: wanted, classes: known } = sections[k]!;
    const scale = Math.exp(teachers[k]!.params.logit_scale!.data[0]!);
    const unfitted = { classes: texts[k]!.classes, scale };
    const fit = () => {
      if (held.labels.length > 0) return fitByLabels(unfitted, held.rows[i]!, held.labels);
      const [first] = done;
      if (!first) return 1;
      const like = meanEntropy(first, storedRows(stores[responders[0]!]!), first.temperature);
      return fitByEntropy(unfitted, storedRows(stores[k]!), like);
    };
    done.push({
      ...unfitted,
      temperature: wanted === 'fit' ? fit() : wanted,
      ...(known && { known: Uint8Array.from(names, (name) => (known.includes(name) ? 1 : 0)) }),
    });
  }
  return done;
}

/** Embeddings of stored training images, unit rows. */
function storedRows(store: TargetStore): Rows {
  const width = store.layout.contents.embed;
  const count = Math.min(mostMatched, store.examples);
  const data = new Float32Array(count * width);
  const record = new Uint8Array(store.layout.bytes);
  for (let i = 0; i < count; i++) {
    store.read(Math.floor(((i + 0.5) * store.examples) / count), record);
    data.set(store.layout.embed(record), i * width);
  }
  return toUnitRows({ data, count, width });
}

function fusionOptions(recipe: DistillRecipe, rule: FusionOptions['rule']): FusionOptions {
  const { floor, groups, adaptive } = recipe.fusion;
  return {
    ...{ rule, floor, groups, seed: recipe.seed },
    weights: recipe.teachers.map(({ weight }) => weight ?? 0),
    adaptive: {
      base: adaptive.base,
      most: { prior: adaptive.most_prior, label: adaptive.most_label, both: adaptive.most_both },
      growth: { prior: adaptive.prior_growth, label: adaptive.label_growth },
    },
  };
}
