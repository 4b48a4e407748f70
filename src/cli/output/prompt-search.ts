import type { Interval } from '../../math/index.js';
import type { PromptSet } from '../../prompt/index.js';
import { gainOverDefault, type PromptSearch } from '../../prompt-search/index.js';
import { foldedTable, percent } from '../../report/index.js';

/** A found set, the weightiest first. */
export function promptList({ templates, weights }: PromptSet): { template: string; weight: number }[] {
  return templates.map((template, i) => ({ template, weight: weights[i]! })).sort((a, b) => b.weight - a.weight);
}

/** How prompts were found and what they gain, for people. */
export function promptSearchText(file: string, result: PromptSearch): string {
  const { found, data, split, images, classes, scored, seconds, by, choice, heldOut } = result;
  const score = scoreOf(result);
  const number = (n: number) => n.toLocaleString('en-GB');
  const how =
    by === 'class names'
      ? 'without labels'
      : choice!.method === 'default'
        ? `as before: no set found did better than the default on the images that choose${choice!.weighted ? '; weights fitted' : ''}`
        : `by ${choice!.method} search${choice!.weighted ? ' and fitted weights' : ''}`;
  const lines = [
    `${number(scored)} templates scored on ${number(images)} images of ${data}/${split}, ${number(classes)} ${by === 'captions' ? 'captions' : 'classes'}, in ${seconds.toFixed(1)} s`,
    `${found.templates.length} chosen ${how}:`,
    ...promptList(found).map(({ template, weight }) => `  ${weight.toFixed(3)}  ${template}`),
    '',
  ];
  if (!heldOut)
    return [
      ...lines,
      'gain: not measured, as the held-out images have nothing to be told apart by; it may be worse than the default templates',
      `written: ${file}`,
    ].join('\n');
  const range = ({ low, high }: Interval) => `${percent(low)}–${percent(high)}`;
  const points = (share: number) => `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
  const rows = heldOut.figures.map(({ name, templates, top1, gain }) => [
    briefly(name),
    String(templates),
    `${percent(top1.value)} %`,
    range(top1),
    gain ? points(gain.value) : '',
    gain ? `${points(gain.low)} to ${points(gain.high)}` : '',
  ]);
  const head = ['', 'templates', by === 'captions' ? 'R@1' : 'top-1', '95 %', 'gain', '95 %'];
  const about = `${number(heldOut.images)} other images, ${data}/${heldOut.split}: ${score}, and what the found set gains over it`;
  return [...lines, about, foldedTable([head, ...rows]), '', verdict(result), `written: ${file}`].join('\n');
}

/** Sets that say the same are named by the first: `coop-imagenet and 3 alike`. */
function briefly(name: string): string {
  const [first = '', ...others] = name.split(', ');
  return others.length === 0 ? first : `${first} and ${others.length} alike`;
}

/** By captions, an image's own caption among those of the others is what is to be found. */
const scoreOf = ({ by }: PromptSearch): string => (by === 'captions' ? 'R@1 image → text' : 'top-1');

/** Whether the found set is worth taking, in one sentence. */
function verdict(result: PromptSearch): string {
  const gain = gainOverDefault(result)!;
  const points = (share: number) => percent(Math.abs(share));
  if (gain.value < 0)
    return `warning: worse than the default templates by ${points(gain.value)} points of ${scoreOf(result)} on ${result.heldOut!.split}: leave --prompts out, or search on more images`;
  if (gain.value === 0) return `no gain over the default templates on ${result.heldOut!.split}`;
  const doubt = gain.low <= 0 ? '; the interval includes 0, so this may be chance' : '';
  return `better than the default templates by ${points(gain.value)} points of ${scoreOf(result)} on ${result.heldOut!.split}${doubt}`;
}

/** The same for machines, in the file that is written; shares are fractions, intervals [low, high]. */
export function promptSearchJson(model: string, result: PromptSearch): Record<string, unknown> {
  const { data, split, by, seed, images, classes, scored, seconds, choice, heldOut } = result;
  const gain = gainOverDefault(result);
  const quality = ({ top1, logLikelihood }: { top1: number; logLikelihood: number }) => ({
    top1,
    log_likelihood: logLikelihood,
  });
  return {
    model,
    ...{
      data,
      split,
      by,
      unlabelled: by !== 'labels',
      seed,
      images,
      classes,
      scored,
      seconds: Math.round(seconds * 10) / 10,
    },
    ...(choice && {
      method: choice.method,
      weighted: choice.weighted,
      fit: quality(choice.fit),
      validation: quality(choice.validation),
    }),
    ...(heldOut && {
      held_out: {
        split: heldOut.split,
        images: heldOut.images,
        worse_than_default: gain!.value < 0,
        figures: heldOut.figures.map(({ name, templates, top1, gain }) => ({
          name,
          templates,
          top1: top1.value,
          top1_interval: [top1.low, top1.high],
          ...(gain && { gain: gain.value, gain_interval: [gain.low, gain.high] }),
        })),
      },
    }),
  };
}
