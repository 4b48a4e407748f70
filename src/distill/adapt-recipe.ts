import { type ClipConfig, isSiglip } from '../clip/index.js';
import { UserError } from '../errors.js';
import { phasesOf, stepsOf, withEpochSteps } from './phases.js';
import type { DistillRecipe } from './recipe.js';
import { askedRank, tokenRank } from './student/factorised-tokens.js';
import { studentConfig } from './student/student.js';
import { largestShare, parametersOf, type StudentSize, studentShape, studentSizes } from './student/student-size.js';
import { checkStore, fitStore } from './targets/fit-store.js';
import type { Teacher } from './teacher/teacher.js';

/** How long a run may take: passes over the data, within bounds of steps; a size; and seconds, which `deriveRecipe` keeps to. */
export const presets = {
  quick: { epochs: 25, least: 300, most: 2_000, size: 'tiny', seconds: 600 },
  balanced: { epochs: 90, least: 1_200, most: 10_000, size: 'small', seconds: 3_600 },
  best: { epochs: 540, least: 4_800, most: 60_000, size: 'base', seconds: 8 * 3_600 },
} as const;
/** How long a distillation may take: minutes, an hour or a night. */
export type Preset = keyof typeof presets;

/** What a student is wished to be. */
export interface StudentWish {
  /** @defaultValue balanced */
  readonly preset?: Preset;
  /** In place of the preset's. */
  readonly size?: StudentSize;
  /** As large a student as has no more parameters. */
  readonly maxParameters?: number;
  /** The same by the size of its file, four bytes a parameter. */
  readonly maxBytes?: number;
  /** Largest store of the teacher's targets, in bytes. @defaultValue 1 GB */
  readonly maxStore?: number;
}

/** What a recipe is fitted to. */
export interface AdaptOptions {
  readonly wish?: StudentWish;
  readonly teacher: Pick<Teacher, 'config' | 'inner'>;
  /** Images that are trained on. */
  readonly images: number;
  /** Of a student that is given, its shape. */
  readonly student?: ClipConfig;
  /** Tokens that the student keeps, where it keeps those of its task alone: see `taskTokenizer`. */
  readonly vocabulary?: number;
  /** Whether the token table becomes the product of two factors, where it is a large part of the student: see `tokenRank`. */
  readonly factorise?: boolean;
  /** Where time is short: no larger batch, no more steps, no more views. */
  readonly atMost?: { readonly batch?: number; readonly steps?: number; readonly views?: number };
  /** Fields that the caller has set, by path (`student.vision.hidden_size`): the others fit them. */
  readonly given?: Readonly<Record<string, unknown>>;
}

/** Fields for a recipe, and the reason of each. */
export interface AdaptedRecipe {
  /** Recipe fields by path. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What was chosen and why, in sentences. */
  readonly reasons: readonly string[];
}

/** Shares of the steps of recipes/distill-emoji.yaml, which was tuned: feature warmup, prompts, all together. */
const shares = { warmup: 0.62, prompt: 0.05 };
/** Evaluations of the student: some tenth of the time on a short run, hardly any of it on a long one. */
const looks = 12;
/** Width of that student's vision tower; its rates are scaled by 1 / width (Yang et al. 2022, arXiv 2203.03466, table 3). */
const tunedWidth = 80;
/** Tokens of its teacher's attention maps: rows sum to 1, so that squares of their differences fall with tokens². */
const tunedTokens = 37;

/**
 * The recipe of a run that gives none: student, rates, steps and stored targets from the teacher, the data and a wish.
 *
 * A student that is cut out of its teacher is warmed up by features first, at the high rates that narrow matrices bear;
 * one that is pre-trained (`student.init: given`) keeps the published rates. The same input gives the same recipe.
 *
 * @param recipe with the fields that the caller has set, and defaults elsewhere
 * @throws UserError where no student is as small as is wished, or fields that are set do not fit
 */
export function adaptRecipe(recipe: DistillRecipe, options: AdaptOptions): AdaptedRecipe {
  const { teacher, given = {} } = options;
  // Embeddings alone can be compared: what there is to choose, `checkLosses` says.
  if (!teacher.inner || isSiglip(teacher.config)) return { fields: keptRates(recipe, options).fields, reasons: [] };
  const init = recipe.method === 'kd' ? recipe.kd.init : recipe.student.init;
  if (init === 'given') return withStore(recipe, options, options.student, keptRates(recipe, options));
  const shape = chooseShape(recipe, options);
  const { batch, steps } = chooseLength(recipe, options);
  const ratio = tunedWidth / shape.config.vision_config.hidden_size;
  const rate = (tuned: number) => Number(Math.min(tuned, tuned * ratio).toPrecision(2));
  const tokens = 1 + (teacher.config.vision_config.image_size / teacher.config.vision_config.patch_size) ** 2;
  const warmup = Math.round(shares.warmup * steps);
  const prompt = Math.round(shares.prompt * steps);
  const ramp = (of: number) => Math.min(100, Math.ceil(of / 10));
  const joint = steps - warmup - prompt;
  const fields = {
    ...shape.fields,
    batch,
    // A small student in few steps learns more from milder views, and transparent drawings are measured on their own
    // background (docs/benchmarks.md, "Without a recipe").
    'augment.background': false,
    'augment.rotation': 12,
    'augment.jitter': 0.3,
    'augment.erasing': 0.1,
    // All of them where there are no more: few texts a step tell few classes apart (docs/benchmarks.md, the same place).
    'texts.classes_per_step': 256,
    'prompts.width': Math.max(16, 8 * Math.round(shape.config.text_config.hidden_size / 16)),
    'prompts.intermediate_size': Math.max(32, 16 * Math.round(shape.config.text_config.hidden_size / 16)),
    'losses.attention.weight': Math.round(100 * (tokens / tunedTokens) ** 2),
    'phases.warmup.steps': warmup,
    'phases.warmup.lr': rate(8e-3),
    'phases.warmup.warmup_steps': ramp(warmup),
    'phases.warmup.losses': ['feature'],
    'phases.prompt.steps': prompt,
    'phases.prompt.warmup_steps': ramp(prompt),
    'phases.joint.steps': joint,
    'phases.joint.lr': rate(3e-3),
    'phases.joint.warmup_steps': ramp(joint),
    'evaluation.every': lookEvery(recipe, options, { batch, steps: { warmup, prompt, joint } }),
  };
  const reasons = [
    ...shape.reasons,
    // Where some are set, the plan counts.
    ...(Object.keys(given).some((path) => /^phases\.\w+\.(steps|epochs)$/.test(path))
      ? []
      : [
          `Steps: ${steps.toLocaleString('en-GB')} of ${batch} images, ${((steps * batch) / options.images).toFixed(0)} passes over ${options.images.toLocaleString('en-GB')} images: ${warmup} by features alone, ${prompt} for the prompts, ${joint} together.`,
        ]),
    `Rates: ${fields['phases.warmup.lr']}, then ${fields['phases.joint.lr']}: those of recipes/distill-emoji.yaml by 1 / width, for a student that is not pre-trained; the published 5e-4 and 1e-5 are for one that is (--student).`,
  ];
  const chosen = Object.fromEntries(Object.entries(fields).filter(([path]) => given[path] === undefined));
  return withStore(recipe, options, shape.config, { fields: chosen, reasons });
}

/** Steps between two evaluations. @param chosen steps of the phases that set none themselves, and the batch */
function lookEvery(
  recipe: DistillRecipe,
  { images, given = {} }: Pick<AdaptOptions, 'images' | 'given'>,
  chosen: { readonly batch?: number; readonly steps?: Readonly<Record<keyof DistillRecipe['phases'], number>> } = {},
): number {
  const { batch = recipe.batch, steps } = chosen;
  const phase = (name: keyof DistillRecipe['phases']) =>
    steps === undefined || given[`phases.${name}.steps`] !== undefined
      ? recipe.phases[name]
      : { ...recipe.phases[name], steps: steps[name] };
  const phases = { warmup: phase('warmup'), prompt: phase('prompt'), joint: phase('joint') };
  return Math.max(1, Math.ceil(stepsOf(phasesOf(withEpochSteps({ ...recipe, batch, phases }, images))) / looks));
}

function keptRates(recipe: DistillRecipe, options: AdaptOptions): AdaptedRecipe {
  return {
    fields: { 'evaluation.every': lookEvery(recipe, options) },
    reasons: ['Rates: the published ones, for a student that is pre-trained.'],
  };
}

/** A student of a share of its teacher's width. @param given recipe fields that stand already, by path */
export function configAt(
  share: number,
  recipe: DistillRecipe,
  teacher: ClipConfig,
  given: Readonly<Record<string, unknown>>,
): ClipConfig {
  const shape = studentShape(share, teacher, towersOf(given));
  const student = {
    ...recipe.student,
    vision: { ...recipe.student.vision, ...shape.vision },
    text: { ...recipe.student.text, ...shape.text },
  };
  return studentConfig({ ...recipe, student }, teacher);
}

/** Fields of the student's towers among those that stand already. */
function towersOf(given: Readonly<Record<string, unknown>>) {
  const tower = (name: 'vision' | 'text') =>
    Object.fromEntries(
      Object.entries(given).flatMap(([path, value]) => {
        const field = new RegExp(`^student\\.${name}\\.(\\w+)$`).exec(path)?.[1];
        return field === undefined ? [] : [[field, value]];
      }),
    );
  return { vision: tower('vision'), text: tower('text') };
}

/** The student's towers, by size or below a limit. */
function chooseShape(recipe: DistillRecipe, options: AdaptOptions) {
  const { wish = {}, teacher, vocabulary, given = {} } = options;
  const { text_config } = teacher.config;
  const whole = text_config.vocab_size;
  const from = { ...teacher.config, text_config: { ...text_config, vocab_size: vocabulary ?? whole } };
  const configOf = (share: number) => withTokenRank(configAt(share, recipe, from, given), recipe, options);
  const limits = [wish.maxParameters, wish.maxBytes === undefined ? undefined : wish.maxBytes / 4];
  const most = Math.min(...limits.filter((limit) => limit !== undefined));
  const size = wish.size ?? presets[wish.preset ?? 'balanced'].size;
  const limited = Number.isFinite(most);
  if (limited && wish.size !== undefined)
    throw new UserError(
      `--size ${wish.size}: a limit (--max-parameters, --max-bytes, --max-latency) chooses the size: leave out one of them`,
    );
  // Prompts and their encoder come on top: a fiftieth of the student, at most, beside its token table.
  const share = limited
    ? largestShare(
        most,
        (each) => Math.ceil(1.1 * parametersOf(configOf(each))),
        smallerStudent(recipe, vocabulary, given),
      )
    : studentSizes[size];
  const config = configOf(share);
  const { vision_config: vision, text_config: text } = config;
  const parameters = parametersOf(config);
  const fields: Record<string, unknown> = {};
  if (vocabulary !== undefined) fields['student.tokens'] = 'task';
  if (text.token_rank !== undefined) fields['student.tokens'] = 'factorised';
  for (const [name, tower] of Object.entries(studentShape(share, teacher.config, towersOf(given))))
    for (const [field, value] of Object.entries(tower)) fields[`student.${name}.${field}`] = value;
  return {
    config,
    fields,
    reasons: [
      `Student: ${parameters.toLocaleString('en-GB')} parameters (teacher ${parametersOf(teacher.config).toLocaleString('en-GB')}), ${limited ? 'the largest below the limit' : `size ${size}`}: ${vision.num_hidden_layers} image layers of width ${vision.hidden_size}, ${text.num_hidden_layers} text layers of width ${text.hidden_size}.`,
      tableReason(text, whole),
    ],
  };
}

/** How a student could be smaller than the smallest, in a half sentence; empty where it cannot. */
function smallerStudent(recipe: DistillRecipe, vocabulary: number | undefined, given: AdaptOptions['given']): string {
  const set = Object.keys(given ?? {}).filter((path) => /^student\.(vision|text)\./.test(path));
  if (set.length > 0) return `: leave out ${set.join(', ')}, which the student has to keep`;
  if (vocabulary !== undefined || recipe.student.tokens === 'factorised') return '';
  return ': it keeps all tokens of its teacher, --set student.tokens=task those of this data’s texts alone';
}

/** Share of a student that a whole token table may be: a larger one is factorised, where the student reads any text. */
const largestTable = 1 / 3;

/** A student's shape with the rank of its token table, where it is factorised: because the recipe says so, or because it pays. */
function withTokenRank(config: ClipConfig, recipe: DistillRecipe, { factorise }: AdaptOptions): ClipConfig {
  const { text_config: text } = config;
  const whole = text.vocab_size * text.hidden_size;
  const pays = factorise && whole > largestTable * parametersOf(config);
  const rank = pays ? tokenRank(text.hidden_size) : askedRank(recipe, text.hidden_size);
  if (rank === undefined || rank >= text.hidden_size) return config;
  return { ...config, text_config: { ...text, token_rank: rank } };
}

/** @param all tokens of the teacher */
function tableReason(
  { vocab_size: rows, hidden_size: width, token_rank: rank }: ClipConfig['text_config'],
  all: number,
) {
  const count = (n: number) => n.toLocaleString('en-GB');
  const of = (numbers: number) => `Token table: ${count(numbers)} of these parameters`;
  if (rank !== undefined)
    return `${of(rows * rank + rank * width)}, as the product of two factors of rank ${rank} (whole: ${count(rows * width)}), because a student reads texts of classes that it was not trained on, too; --set student.tokens=all keeps it whole.`;
  if (rows === all)
    return `${of(rows * width)}. It keeps the teacher's whole vocabulary, because a student reads texts of classes that it was not trained on, too; --set student.tokens=task keeps the tokens of this data's texts alone, --set student.tokens=factorised all of them in two factors.`;
  return `${of(rows * width)}, ${count(rows)} of the teacher's ${count(all)} tokens: those of this data's texts and of the published templates, because its classes are fixed. Other texts are read in smaller pieces; --set student.tokens=all keeps all.`;
}

function chooseLength(recipe: DistillRecipe, { wish = {}, images, given = {}, atMost = {} }: AdaptOptions) {
  const batch = given.batch === undefined ? Math.min(atMost.batch ?? 64, images) : recipe.batch;
  const { epochs, least, most } = presets[wish.preset ?? 'balanced'];
  const usual = Math.min(most, Math.max(least, Math.round((epochs * images) / (batch * recipe.accumulate))));
  const steps = Math.min(usual, atMost.steps ?? usual);
  return { batch, steps };
}

/** Adds the views and mapped layers of a store that stays small. */
function withStore(
  recipe: DistillRecipe,
  { teacher, images, wish = {}, given = {}, atMost = {} }: AdaptOptions,
  student: ClipConfig | undefined,
  { fields, reasons }: AdaptedRecipe,
): AdaptedRecipe {
  if (!student || isSiglip(student)) return { fields, reasons };
  const of = { teacher, student, images, limit: wish.maxStore };
  if (given.views !== undefined || given['losses.layers'] !== undefined) {
    checkStore(recipe, of);
    return { fields, reasons };
  }
  const store = fitStore(recipe, { ...of, views: atMost.views });
  return { fields: { ...fields, ...store.fields }, reasons: [...reasons, store.reason] };
}
