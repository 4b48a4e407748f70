/** A set of templates that somebody published, exactly as they stand there; `{}` is the class name. */
export interface PublishedEnsemble {
  readonly name: string;
  /** Where they stand. */
  readonly source: string;
  readonly licence: string;
  readonly templates: readonly string[];
}

const both = (texts: readonly string[]) => texts.flatMap((text) => [`${text} a {}.`, `${text} the {}.`]);

/** The 80 of "Prompt Engineering for ImageNet"; here those with a before those with the. */
const openaiImageNet: readonly string[] = [
  ...both([
    ...['bad', 'low resolution', 'cropped', 'bright', 'dark', 'close-up', 'black and white', 'pixelated']
      .concat(['jpeg corrupted', 'blurry', 'good'])
      .map((quality) => `a ${quality} photo of`),
    ...['sculpture', 'rendering', 'tattoo', 'drawing', 'painting', 'doodle', 'sketch', 'rendition', 'photo'].map(
      (medium) => `a ${medium} of`,
    ),
    'graffiti of',
    'art of',
    'itap of',
  ]),
  ...['hard to see', 'clean', 'dirty', 'cool', 'large', 'nice', 'weird', 'small'].flatMap((kind) => [
    `a photo of a ${kind} {}.`,
    `a photo of the ${kind} {}.`,
  ]),
  ...['embroidered', 'plastic', 'origami', 'toy', 'cartoon', 'plushie'].flatMap((kind) => [
    `a ${kind} {}.`,
    `the ${kind} {}.`,
  ]),
  ...['a photo of many {}.', 'a photo of my {}.', 'a photo of one {}.', 'itap of my {}.'],
  ...['a {} in a video game.', 'the {} in a video game.'],
];

/** Those of the 80 that PromptSRC leaves out. */
const notPromptSrc: ReadonlySet<string> = new Set([
  ...['dark', 'black and white', 'good'].map((kind) => `a ${kind} photo of a {}.`),
  ...['a photo of a cool {}.', 'a photo of a small {}.', 'a photo of the small {}.', 'a photo of the large {}.'],
  ...['a photo of the nice {}.', 'a photo of the weird {}.', 'a jpeg corrupted photo of the {}.'],
  ...['a tattoo of the {}.', 'a drawing of the {}.', 'graffiti of the {}.', 'art of the {}.'],
  ...['itap of a {}.', 'itap of my {}.', 'a toy {}.', 'the cartoon {}.', 'a plushie {}.', 'the plushie {}.'],
]);

const openai = { licence: 'MIT', source: 'https://github.com/openai/CLIP' };
const notebook = `${openai.source}/blob/main/notebooks/Prompt_Engineering_for_ImageNet.ipynb`;
const coop = { licence: 'MIT', source: 'https://github.com/KaiyangZhou/CoOp/blob/main/trainers/zsclip.py' };

/** CoOp's one template for each of its eleven data sets (Zhou et al., arXiv 2109.01134). */
const coopTemplates = {
  imagenet: 'a photo of a {}.',
  caltech101: 'a photo of a {}.',
  'oxford-pets': 'a photo of a {}, a type of pet.',
  'stanford-cars': 'a photo of a {}.',
  'oxford-flowers': 'a photo of a {}, a type of flower.',
  food101: 'a photo of {}, a type of food.',
  'fgvc-aircraft': 'a photo of a {}, a type of aircraft.',
  sun397: 'a photo of a {}.',
  dtd: '{} texture.',
  eurosat: 'a centered satellite photo of {}.',
  ucf101: 'a photo of a person doing {}.',
} as const;

/** Ensembles of templates from papers, with their sources. */
export const publishedEnsembles: readonly PublishedEnsemble[] = [
  { name: 'openai-imagenet', licence: openai.licence, source: notebook, templates: openaiImageNet },
  {
    name: 'promptsrc-imagenet',
    licence: 'MIT',
    source: 'https://github.com/muzairkhattak/PromptSRC/blob/main/trainers/imagenet_templates.py',
    templates: openaiImageNet.filter((template) => !notPromptSrc.has(template)),
  },
  {
    name: 'openai-imagenet-select',
    licence: openai.licence,
    source: notebook,
    templates: [
      'itap of a {}.',
      'a bad photo of the {}.',
      'a origami {}.',
      'a photo of the large {}.',
      'a {} in a video game.',
      'art of the {}.',
      'a photo of the small {}.',
    ],
  },
  {
    name: 'openai-cifar',
    licence: openai.licence,
    source: `${openai.source}/blob/main/data/prompts.md`,
    templates: both(
      ['', 'blurry', 'black and white', 'low contrast', 'high contrast', 'bad', 'good'].map((quality) =>
        ['a', quality, 'photo of'].filter((word) => word !== '').join(' '),
      ),
    ).concat(['a photo of a small {}.', 'a photo of a big {}.', 'a photo of the small {}.', 'a photo of the big {}.']),
  },
  ...Object.entries(coopTemplates).map(([data, template]) => ({
    name: `coop-${data}`,
    ...coop,
    templates: [template],
  })),
];
