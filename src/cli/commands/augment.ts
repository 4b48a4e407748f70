import { type Command, Option } from 'commander';
import type { PivotLanguage, Sayings } from '../../augment/index.js';
import type { Dtype } from '../../clip/index.js';
import {
  type CommonOptions,
  dataOption,
  examples,
  positiveInteger,
  printResult,
  wholeNumber,
  withCommonOptions,
} from '../options.js';

const kinds = ['synonyms', 'paraphrase', 'back-translation'] as const;

interface TextOptions extends CommonOptions {
  readonly kind: readonly (typeof kinds)[number][];
  readonly data: string;
  readonly split: string;
  readonly text?: readonly string[];
  readonly samples: number;
  readonly p: number;
  /** As given: back translation says which it knows. */
  readonly language: PivotLanguage;
  readonly seed: number;
  readonly translation?: readonly string[];
  readonly paraphraser?: string;
  readonly prefix?: string;
  readonly dtype?: Dtype;
}

export function addAugment(program: Command): void {
  const augment = program
    .command('augment')
    .description('see what augmentation does to images and texts')
    .addHelpText('after', examples('augment images --out sheet.png', 'augment text --samples 50'));
  addImages(augment);
  withCommonOptions(augment.command('text').description('print texts before and after augmentation'))
    .addOption(new Option('--kind <kinds...>', 'which kinds of change').choices([...kinds]).default([...kinds]))
    .addOption(dataOption().default('emoji-scenes'))
    .option('--split <name>', 'split whose captions are used', 'train')
    .option('--text <text...>', 'texts to use instead of captions; no class name is protected')
    .option('--samples <n>', 'samples per kind', positiveInteger, 50)
    .option('--p <share>', 'probability that a word is replaced', Number, 0.3)
    .option('--language <code>', 'language that back translation goes through, such as fr or de', 'fr')
    .option('--translation <models...>', 'back translation by two models, there and back: hub ids or folders')
    .option('--paraphraser <model>', 'paraphrase by a model: a hub id or a folder')
    .option('--prefix <text>', 'text that the paraphraser expects before its input, such as "paraphrase: "')
    .option('--dtype <name>', 'variant of the models, such as fp32 or q8')
    .option('--seed <n>', 'seed of everything random', wholeNumber, 0)
    .addHelpText(
      'after',
      examples(
        'augment text --samples 50',
        'augment text --kind paraphrase --text "a dog chasing a cat" "a photo of two small houses"',
        'augment text --kind back-translation --language de --p 1 --json',
        'augment text --kind back-translation --translation Xenova/opus-mt-en-fr Xenova/opus-mt-fr-en --dtype q8',
      ),
    )
    .action(text);
}

interface ImageOptions extends CommonOptions {
  readonly data: string;
  readonly split: string;
  readonly preset?: string;
  readonly set?: readonly string[];
  readonly images: number;
  readonly views: number;
  readonly size: number;
  readonly seed: number;
  readonly out: string;
}

function addImages(augment: Command): void {
  withCommonOptions(augment.command('images').description('draw images and the augmented views that training uses'))
    .addOption(dataOption().default('emoji'))
    .option('--split <name>', 'which split', 'train')
    .addOption(
      new Option('--preset <name>', 'options to start from; photos for photographs (default: drawings)').choices([
        'drawings',
        'photos',
        'crop',
      ]),
    )
    .option(
      '--set <field=value>',
      'one field of a recipe’s augment block; repeatable',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .option('--images <n>', 'images, one per row', positiveInteger, 6)
    .option('--views <n>', 'views per image', positiveInteger, 8)
    .option('--size <pixels>', 'side of a view, in pixels', positiveInteger, 96)
    .option('--seed <n>', 'seed of everything random', wholeNumber, 0)
    .requiredOption('--out <file>', 'PNG file')
    .addHelpText(
      'after',
      examples(
        'augment images --out sheet.png',
        'augment images --data folder:photos --preset photos --size 224 --out sheet.png --seed 3',
        'augment images --out mixed.png --set mix.mixup=0.4 --set mix.cutmix=1 --set randaugment.magnitude=9',
      ),
    )
    .action(images);
}

async function images({ preset, set, data, out, ...options }: ImageOptions): Promise<void> {
  const [{ augmentOptions }, { openDataset }, { viewSheet }, { loadRecipe }] = await Promise.all([
    import('../../augment/index.js'),
    import('../../data/index.js'),
    import('../../loader/index.js'),
    import('../../files/recipe-file.js'),
  ]);
  const augment = await loadRecipe(augmentOptions, { set, flags: { preset } });
  await viewSheet(await openDataset(data), { ...options, augment, file: out });
  printResult(options, { file: out, augment }, () => out);
}

async function text(options: TextOptions): Promise<void> {
  const [{ backTranslate, paraphrase, replaceSynonyms }, { Random }, { UserError }] = await Promise.all([
    import('../../augment/index.js'),
    import('../../math/index.js'),
    import('../../errors.js'),
  ]);
  const { kind: wanted, samples, p, seed, language } = options;
  if (!(p >= 0 && p <= 1)) throw new UserError(`--p ${p}: expected a number from 0 to 1`);
  const sources = await texts(options);
  const { translated, paraphrased } = await modelSayings(options, sources.slice(0, samples));
  const looked =
    (said: ReadonlyMap<string, string>): typeof replaceSynonyms =>
    (from) =>
      said.get(from) ?? from;
  const change: Record<(typeof kinds)[number], typeof replaceSynonyms> = {
    synonyms: replaceSynonyms,
    paraphrase: paraphrased ? looked(paraphrased) : paraphrase,
    'back-translation': translated
      ? looked(translated)
      : (from, random, own) => backTranslate(from, random, { ...own, language }),
  };
  const made = wanted.map((kind) => {
    const pairs: { from: string; to: string }[] = [];
    // What stays as it is shows nothing: several draws a sample are looked at.
    for (let i = 0; pairs.length < samples && i < samples * 40; i++) {
      const { from, keep } = sources[i % sources.length]!;
      const to = change[kind](from, new Random(seed, kind, i), { p, keep });
      if (to !== from && !pairs.some((pair) => pair.from === from && pair.to === to)) pairs.push({ from, to });
    }
    return { kind, samples: pairs };
  });
  printResult(options, made, () =>
    made
      .map(({ kind, samples: pairs }) =>
        [`${kind} (${pairs.length})`, ...pairs.map((s) => `  ${s.from}\n    → ${s.to}`)].join('\n'),
      )
      .join('\n\n'),
  );
}

/** What the models that were asked for make of the texts. */
async function modelSayings(
  { kind, translation, paraphraser, prefix, dtype, ...common }: TextOptions,
  sources: readonly { readonly from: string }[],
): Promise<Sayings> {
  if (!translation && paraphraser === undefined) return {};
  const [
    { saidByModels },
    { dtypes },
    { UserError },
    { createProgress, showDownload, showTexts },
    { interruptSignal },
  ] = await Promise.all([
    import('../../augment/index.js'),
    import('../../clip/index.js'),
    import('../../errors.js'),
    import('../terminal/progress.js'),
    import('../terminal/interrupt.js'),
  ]);
  const [there, back, ...more] = translation ?? [];
  if (translation && (!there || !back || more.length > 0)) {
    throw new UserError(`--translation: expected two models, there and back, got ${translation.length}`);
  }
  if (dtype !== undefined && !dtypes.includes(dtype)) {
    throw new UserError(`--dtype ${dtype}: expected one of ${dtypes.join(', ')}`);
  }
  const progress = createProgress(common);
  return saidByModels(
    sources.map(({ from }) => from),
    {
      ...(there && back && kind.includes('back-translation') && { translation: { there, back } }),
      ...(paraphraser !== undefined && kind.includes('paraphrase') && { paraphrase: { model: paraphraser, prefix } }),
      dtype,
    },
    { signal: interruptSignal(), onDownload: showDownload(progress), onTexts: showTexts(progress) },
  ).finally(() => progress.stop());
}

/** Given texts, or captions with the class word that must stay; in an order drawn by the seed. */
async function texts({ text: given, data, split, seed }: TextOptions): Promise<{ from: string; keep: string[] }[]> {
  if (given) return given.map((from) => ({ from, keep: [] }));
  const [{ examplesOf, openDataset }, { Random }, { UserError }] = await Promise.all([
    import('../../data/index.js'),
    import('../../math/index.js'),
    import('../../errors.js'),
  ]);
  const dataset = await openDataset(data);
  const captions = examplesOf(dataset, split).flatMap(({ captions, label }) =>
    captions.map((from) => ({ from, keep: label === undefined ? [] : [dataset.classes[label]!.name] })),
  );
  if (captions.length === 0)
    throw new UserError(`${dataset.name}: the split ${split} has no captions; give texts by --text`);
  return new Random(seed, 'captions').shuffle(captions);
}
