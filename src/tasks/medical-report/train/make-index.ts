import { join } from 'node:path';
import { UserError } from '../../../errors.js';
import { leads } from '../../../group/index.js';
import { quantile, Random, toUnitRows } from '../../../math/index.js';
import { modelFingerprint, type TowerModel } from '../../../model/index.js';
import { copyParams, type Params } from '../../../nn/index.js';
import { countParameters } from '../../../prompt/index.js';
import type { HostTensor } from '../../../tensor/index.js';
import {
  adamw,
  engineOptions,
  inRun,
  type Run,
  type RunOptions,
  type RunResult,
  train,
  warmupCosine,
} from '../../../train/index.js';
import { patchFeatures } from '../../patch-features.js';
import { Analyser, findingsOf, type Seen, similarities } from '../analyse.js';
import { type Corpus, corpusOf } from '../corpus/corpus.js';
import { indexFingerprint, type ReportIndex, saveReportIndex } from '../corpus/index-folder.js';
import { type Studies, type Study, studiesOf } from '../data/study.js';
import { type Calibration, fitCalibration, type Scored } from '../head/calibration.js';
import { headPrefix } from '../head/finding-graph.js';
import { type HeadConfig, initHead } from '../head/finding-head.js';
import { pairFeatures } from '../head/pair-texts.js';
import { labelReport } from '../labels/labeler.js';
import { seeStudies } from '../see-studies.js';
import { type FindingRows, findingTask } from './finding-task.js';
import type { ReportIndexRecipe } from './index-recipe.js';

/** Options of {@link makeReportIndex}. */
export interface MakeReportIndexOptions extends RunOptions<ReportIndexRecipe> {
  /** Frozen; the head stands on it. */
  readonly model: TowerModel;
  readonly studies: Studies;
  /** A larger model with its own index, whose probabilities are learned. */
  readonly teacher?: { readonly model: TowerModel; readonly index: ReportIndex };
}

/** Its folder is that of the index. */
export interface MakeReportIndexResult extends RunResult {
  readonly images: number;
  readonly studies: number;
  readonly sentences: number;
  /** Sentences that are not quoted: of earlier images, people, dates. */
  readonly scrubbed: number;
  /** Of the head. */
  readonly parameters: number;
  /** Findings that too few held-out studies have, or lack: nothing is ever said of them. */
  readonly unjudged: readonly string[];
}

const phase = 'findings';
/** The share of held-out studies that may count as far from everything. */
const farShare = 0.01;
const neutral: Calibration = { head: 1, pair: 0, bias: 0, present: null, absent: null };

/**
 * Makes an index that drafts are made with: trains a head for findings on a frozen model, by what reports say and by a teacher's
 * probabilities where one is given; fits probabilities and thresholds on held-out studies; and takes the reports apart into
 * sentences.
 *
 * Writes `index/` into `runDir`, beside what every run has.
 *
 * @throws UserError for studies that do not suffice, a teacher of other findings, or a run folder that holds another run or is in use
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('runs/phantom-student', 'medical-report');
 * const studies = await openStudies('phantoms');
 * const { folder } = await makeReportIndex({ model, studies, recipe: reportIndexRecipe.parse({ steps: 300 }), runDir: 'runs/phantom-reports' });
 */
export async function makeReportIndex(options: MakeReportIndexOptions): Promise<MakeReportIndexResult> {
  const { studies, model, teacher } = options;
  if (teacher && teacher.index.described.findings !== studies.findings.name) {
    throw new UserError(
      `teacher: expected an index of the findings ${studies.findings.name}, got one of ${teacher.index.described.findings}`,
    );
  }
  const { name, dataset } = studies;
  const data = { name, fingerprint: dataset.fingerprint };
  return inRun({ command: 'medical-report', data }, options, async (run) => {
    run.identify('model', modelFingerprint(model));
    if (teacher) run.identify('teacher', indexFingerprint(teacher.index));
    const result = await makeIn(run, options);
    const { images, sentences, scrubbed, parameters, unjudged } = result;
    return { result, figures: { images, studies: result.studies, sentences, scrubbed, parameters, unjudged } };
  });
}

/** @throws UserError where there are too few */
function chosenStudies({ studies: all, recipe }: MakeReportIndexOptions): { learned: Study[]; held: Study[] } {
  const { split, calibrate, studies: most } = recipe.data;
  const own = studiesOf(all, split);
  const held = studiesOf(all, calibrate);
  const splits = [...new Set(all.studies.map((study) => study.split))].join(', ');
  if (own.length === 0)
    throw new UserError(`data.split: expected a split of ${all.name}, one of ${splits}, got ${split}`);
  if (held.length === 0 || split === calibrate) {
    throw new UserError(
      `data.calibrate: expected another split of ${all.name}, one of ${splits}, got ${calibrate}: thresholds cannot be fitted on what is learned from`,
    );
  }
  const learned = most === undefined ? own : new Random('report-studies', recipe.seed).shuffle(own).slice(0, most);
  return { learned, held };
}

async function makeIn(run: Run, options: MakeReportIndexOptions): Promise<MakeReportIndexResult> {
  const { model, studies, teacher, recipe, runDir, signal, onProgress } = options;
  const { dataset, findings: set, name } = studies;
  const { device, threads } = options.engine ?? {};
  const engine = { device, threads };
  const progress = (what: string) => async (step: number, steps: number) => onProgress?.({ phase: what, step, steps });
  run.skip(studies.skipped);
  const { learned, held } = chosenStudies(options);
  const corpus = corpusOf(`${name}/${recipe.data.split}`, learned, set);
  const depth = model.config.vision_config.num_hidden_layers;
  const layer = recipe.head.layer ?? Math.max(1, depth - 1);
  const examples = learned.flatMap(({ images }) => images);
  const features = await patchFeatures(model, dataset, examples, {
    ...{ layers: [layer], ...engine, signal },
    onProgress: (done, total) => void onProgress?.({ phase: 'features', step: done, steps: total }),
  });
  run.skip(features.skipped);
  const taught =
    teacher &&
    (await teacherAnswers(teacher, studies, learned, { ...options, progress: progress('teacher’s answers') }));
  const rows = rowsOf(
    features,
    learned,
    corpus,
    set.findings.map((finding) => finding.name),
    taught,
  );
  if (rows.targets.shape[0]! < recipe.batch) {
    throw new UserError(
      `batch: ${recipe.batch} is more than the ${rows.targets.shape[0]} images of ${name}; choose a smaller one`,
    );
  }
  const [, patches, patchWidth] = rows.patches.shape as [number, number, number];
  const config: HeadConfig = {
    ...{ width: recipe.head.width, findings: set.findings.length, layer, patches },
    ...{ patch_width: patchWidth, embed_width: rows.embed.shape[1]! },
  };
  const task = findingTask(initHead(config, recipe.seed), config, rows, recipe);
  const { checkpoint_every, ...decisive } = recipe;
  const identity = {
    ...{ recipe: decisive, data: dataset.fingerprint, model: modelFingerprint(model) },
    teacher: teacher && indexFingerprint(teacher.index),
  };
  const { steps } = recipe;
  const { finished, step, seconds, averaged } = await train(task, {
    ...engineOptions(recipe, options.engine),
    ...{ steps, runDir, signal, clipNorm: 1, checkpointEvery: checkpoint_every },
    optimizer: adamw(task.params, { weightDecay: recipe.weight_decay }),
    learningRate: warmupCosine({ peak: recipe.lr, steps, warmupSteps: recipe.warmup_steps }),
    fingerprint: JSON.stringify(identity),
    onStep: (event) => run.step({ phase, firstStep: 0, overallSteps: steps }, event),
  });
  const folder = join(runDir, 'index');
  const result = {
    ...{ folder, finished, steps: step, seconds, imagesSeen: step * recipe.batch * recipe.accumulate },
    ...{ images: rows.targets.shape[0]!, studies: learned.length, sentences: corpus.sentences.length },
    ...{ scrubbed: corpus.scrubbed, parameters: countParameters(task.params), unjudged: [] },
  };
  if (!finished) return result;
  const head = copyParams(
    Object.fromEntries(Object.entries(averaged).map(([key, value]) => [key.slice(headPrefix.length), value])),
  );
  const index = await calibrated(
    { head, config, corpus, learned, held, teacher: identity.teacher },
    { ...options, progress },
  );
  if (leads(options.engine?.group)) await saveReportIndex(folder, index);
  const { calibrations } = index.described;
  return { ...result, unjudged: Object.keys(calibrations).filter((each) => calibrations[each]!.present === null) };
}

type Progress = (step: number, steps: number) => Promise<void>;

/** The teacher's calibrated probability of each finding, by study. */
async function teacherAnswers(
  { model, index }: NonNullable<MakeReportIndexOptions['teacher']>,
  studies: Studies,
  learned: readonly Study[],
  { engine, signal, progress }: MakeReportIndexOptions & { progress: Progress },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const analyser = await Analyser.open(model, index, 32, { device: engine?.device, threads: engine?.threads });
  const answers = new Map<string, readonly number[]>();
  try {
    const keep = (study: Study, seen: Seen) =>
      void answers.set(
        study.id,
        findingsOf(seen, index).map(({ probability }) => probability),
      );
    await seeStudies(analyser, studies, learned, keep, { signal, onProgress: progress });
    return answers;
  } finally {
    await analyser.dispose();
  }
}

function rowsOf(
  features: Awaited<ReturnType<typeof patchFeatures>>,
  learned: readonly Study[],
  corpus: Corpus,
  findings: readonly string[],
  taught: ReadonlyMap<string, readonly number[]> | undefined,
): FindingRows {
  const studyOf = new Map(learned.flatMap(({ images }, place) => images.map(({ id }) => [id, place] as const)));
  const count = features.examples.length;
  const table = (): HostTensor<Float32Array> => ({
    shape: [count, findings.length],
    data: new Float32Array(count * findings.length),
  });
  const [targets, counts, teacher] = [table(), table(), taught && table()];
  for (const [row, { id }] of features.examples.entries()) {
    const place = studyOf.get(id)!;
    const answers = taught?.get(learned[place]!.id);
    for (const [f, finding] of findings.entries()) {
      const said = corpus.labels[place]!.get(finding);
      const at = row * findings.length + f;
      targets.data[at] = said === 'present' ? 1 : 0;
      counts.data[at] = said === 'uncertain' ? 0 : 1;
      if (teacher) teacher.data[at] = answers![f]!;
    }
  }
  const { shape, data } = features.embeds;
  const unit = toUnitRows({ data: data.slice(), count: shape[0]!, width: shape[1]! });
  return {
    patches: features.layers[0]!,
    embed: { shape, data: unit.data as Float32Array },
    targets,
    counts,
    ...(teacher && { teacher }),
  };
}

interface Trained {
  readonly head: Params;
  readonly config: HeadConfig;
  readonly corpus: Corpus;
  readonly learned: readonly Study[];
  readonly held: readonly Study[];
  readonly teacher: string | undefined;
}

/** Fits what is fitted on held-out studies, and looks once more at all that is indexed. */
async function calibrated(
  { head, config, corpus, learned, held, teacher }: Trained,
  {
    model,
    studies,
    recipe,
    engine,
    signal,
    progress,
  }: MakeReportIndexOptions & { progress: (what: string) => Progress },
): Promise<ReportIndex> {
  const { findings: set, name, dataset, synthetic } = studies;
  const names = set.findings.map((finding) => finding.name);
  const pairs = await pairFeatures(model, set, engine?.threads);
  const draft: ReportIndex = {
    described: {
      ...{ kind: 'medical-report-index', version: 1, model: modelFingerprint(model), head: config },
      ...(model.source && { model_folder: model.source.folder }),
      ...(teacher && { teacher }),
      data: { name, fingerprint: dataset.fingerprint, synthetic },
      ...{ findings: set.name, calibrations: Object.fromEntries(names.map((each) => [each, neutral])) },
      ...{ studies: learned.map(({ id }) => id), sentences: [...corpus.sentences] },
      ...{ denied: corpus.denied, normal: corpus.normal, far: -1, keys: [] },
    },
    ...{ head, pairs },
    looks: { shape: [0, 0], data: new Float32Array() },
    keys: { shape: [0, 0], data: new Float32Array() },
  };
  const analyser = await Analyser.open(model, draft, 32, { device: engine?.device, threads: engine?.threads });
  try {
    const width = config.embed_width + config.patch_width;
    const looks = { shape: [learned.length, width], data: new Float32Array(learned.length * width) };
    const [places, keys]: [[number, number][], Float32Array[]] = [[], []];
    const placeOf = new Map(learned.map(({ id }, place) => [id, place]));
    const keepLearned = ({ id }: Study, seen: Seen) => {
      const place = placeOf.get(id)!;
      looks.data.set(seen.look, place * width);
      for (const [f, each] of names.entries()) {
        if (corpus.labels[place]!.get(each) !== 'present') continue;
        places.push([place, f]);
        keys.push(seen.keys[f]!);
      }
    };
    await seeStudies(analyser, studies, learned, keepLearned, { signal, onProgress: progress('indexing') });
    const scores: Scored[][] = names.map(() => []);
    const nearest: number[] = [];
    const keepHeld = (study: Study, seen: Seen) => {
      const labels = labelReport(study.report, set);
      for (const [f, each] of names.entries()) {
        const said = labels.get(each);
        if (said === 'uncertain') continue;
        scores[f]!.push({ head: seen.head[f]!, pair: seen.pairs[f]!, isThere: said === 'present' });
      }
      nearest.push(Math.max(...similarities(seen.look, looks)));
    };
    await seeStudies(analyser, studies, held, keepHeld, { signal, onProgress: progress('calibrating') });
    const length = config.patches + config.width;
    const table = { shape: [keys.length, length], data: new Float32Array(keys.length * length) };
    for (const [k, key] of keys.entries()) table.data.set(key, k * length);
    const calibrations = Object.fromEntries(
      names.map((each, f) => [each, fitCalibration(scores[f]!, recipe.missed, recipe.sure)]),
    );
    return {
      ...draft,
      described: { ...draft.described, calibrations, keys: places, far: quantile(nearest, farShare) },
      ...{ looks, keys: table },
    };
  } finally {
    await analyser.dispose();
  }
}
