import { classFigures, confusions, type Evaluation, type Recall, type TailGroup } from '../../evaluate/index.js';
import type { Interval } from '../../math/index.js';
import { bytes, count, percent, textTable } from '../../report/index.js';

/** An evaluation's class templates as a line of at most about 80 columns. */
function templateLine({ templates, weights, classNames }: Evaluation): string {
  // Captions alone are read as they are.
  if (templates.length === 0 || classNames.length === 0) return '';
  const named = templates
    .slice(0, 2)
    .map((one) => `"${one}"`)
    .join(', ');
  const more = templates.length > 2 ? ` and ${templates.length - 2} more` : '';
  return `class texts: ${named}${more}${weights ? ', weighted' : ''}\n`;
}

/** An evaluation for people: one line a measure, with its 95 % interval and on how many it was measured. */
export function evaluationTable(model: string, evaluation: Evaluation, longTail: readonly TailGroup[] = []): string {
  const { generalized, data, split, images, classes, zeroShot, retrieval, baseNovel, artists, latency, skipped } =
    evaluation;
  const repeated = repeatedCaptions(evaluation);
  const rows: string[][] = [['', '', '95 % interval', '']];
  const row = (name: string, value: Interval | number, of = '') => {
    const { value: share, low, high } = typeof value === 'number' ? { value } : value;
    const interval = low === undefined ? '' : `${percent(low)}–${percent(high!)}`;
    rows.push([name, `${percent(share)} %`, interval, of]);
  };
  const number = (n: number) => n.toLocaleString('en-GB');
  if (zeroShot) {
    row('top-1', zeroShot.top1, `${number(images)} images, ${number(classes)} classes`);
    row('top-5', zeroShot.top5);
    row('mean per class', zeroShot.meanPerClass);
    row('macro-F1', zeroShot.macroF1);
  }
  for (const { name, trained, classes: own, images: seen, top1, macroF1 } of longTail) {
    const images = [...new Set(trained)].join('–');
    row(`top-1, ${name}-shot`, top1, `${number(own)} classes of ${images} training images, ${number(seen)} images`);
    row(`macro-F1, ${name}-shot`, macroF1);
  }
  if (retrieval) {
    const recall = (name: string, { r1, r5, r10 }: Recall, of: string) => {
      row(`R@1 ${name}`, r1, of);
      row(`R@5 ${name}`, r5);
      row(`R@10 ${name}`, r10);
    };
    recall(
      'image → text',
      retrieval.imageToText,
      `${number(retrieval.images)} images, ${number(retrieval.texts)} captions`,
    );
    recall('text → image', retrieval.textToImage, `${number(retrieval.texts)} captions`);
    if (repeated) {
      const once = `${number(repeated.texts)} different texts`;
      recall('image → text, distinct', repeated.imageToText, once);
      recall('text → image, distinct', repeated.textToImage, once);
    }
  }
  if (evaluation.foldRetrieval) {
    const { folds, images, imageToText, textToImage } = evaluation.foldRetrieval;
    const of = `mean of ${folds} folds of ${number(images)} images`;
    for (const [name, recall] of [
      ['image → text', imageToText],
      ['text → image', textToImage],
    ] as const) {
      row(`R@1 ${name}, by fold`, recall.r1, of);
      row(`R@5 ${name}, by fold`, recall.r5);
      row(`R@10 ${name}, by fold`, recall.r10);
    }
  }
  if (baseNovel) {
    row('base classes', baseNovel.base);
    row('novel classes', baseNovel.novel, 'kept out of training');
    row('harmonic mean', baseNovel.harmonic);
  }
  if (generalized) {
    const { unbiased, best, auc } = generalized;
    row('base among all', unbiased.seen, 'base and novel classes together');
    row('novel among all', unbiased.unseen);
    row('harmonic, best bias', best.harmonic, `${signed(best.bias)} on novel classes’ logits`);
    row('AUC over the bias', auc, 'of unseen over seen accuracy');
  }
  for (const { artist, images: own, unseen, top1 } of artists) {
    row(`top-1, ${artist}`, top1, `${number(own)} images${unseen ? ', not trained on' : ''}`);
  }
  if (evaluation.params !== undefined) rows.push(['parameters', count(evaluation.params), '', '']);
  if (evaluation.bytes !== undefined) rows.push(['size', bytes(evaluation.bytes), '', '']);
  if (latency) {
    const { medianMs, p95Ms, runs } = latency;
    rows.push(['latency, one image', `${medianMs.toFixed(2)} ms`, '', `median of ${runs}; p95 ${p95Ms.toFixed(2)} ms`]);
  }
  const [first] = skipped;
  const about = repeated ? '\nrepeated captions count each, as in CLIP_benchmark; distinct: equal ones as one' : '';
  const note = first ? `\nskipped ${skipped.length}, the first: ${first.id}: ${first.reason}` : '';
  const mistakes = mistakeLines(evaluation);
  // The folder's name stands above: the table is to fit 80 columns whatever it is.
  const warnings = evaluation.warnings.map((warning) => `\nwarning: ${warning}`).join('');
  const head = `${model} on ${data}/${split}\n${templateLine(evaluation)}`;
  return `${head}${textTable(rows, [0, 3])}${about}${mistakes}${note}${warnings}`;
}

/** A bias with its sign. */
const signed = (bias: number) => `${bias < 0 ? '−' : '+'}${Math.abs(bias).toFixed(2)}`;

/** Mistakes, and classes, that are shown; `--json` has all. */
const shown = 5;

/** Which classes are recognised least, and which is taken for which other most. */
function mistakeLines({ predictions, classNames }: Evaluation): string {
  const pairs = confusions(predictions).slice(0, shown);
  if (pairs.length === 0) return '';
  const name = (label: number) => {
    const text = classNames[label]!;
    return text.length > 24 ? `${text.slice(0, 23)}…` : text;
  };
  const worst = classFigures(predictions).slice(0, shown);
  const classes = worst.map(({ label, images, top1 }) => [name(label), `${percent(top1.value)} %`, `of ${images}`]);
  const taken = pairs.map(({ label, takenFor, images }) => [name(label), name(takenFor), String(images)]);
  return `\n\n${textTable([['least recognised', '', ''], ...classes])}\n\n${textTable([['class', 'taken for', 'images'], ...taken], [0, 1])}`;
}

/** An evaluation for machines, in the names of `metrics.json`; shares are fractions, intervals [low, high]. */
export function evaluationJson(
  model: string,
  evaluation: Evaluation,
  longTail?: readonly TailGroup[],
): Record<string, unknown> {
  const { zeroShot, retrieval, baseNovel, generalized, latency } = evaluation;
  const repeated = repeatedCaptions(evaluation);
  const measured = (name: string, { value, low, high }: Interval) => ({
    [name]: value,
    [`${name}_interval`]: [low, high],
  });
  const recall = (name: string, { r1, r5, r10 }: Recall) => ({
    ...measured(`r1_${name}`, r1),
    ...measured(`r5_${name}`, r5),
    ...measured(`r10_${name}`, r10),
  });
  return {
    model,
    data: evaluation.data,
    split: evaluation.split,
    templates: evaluation.templates,
    weights: evaluation.weights,
    scoring: evaluation.scoring,
    images: evaluation.images,
    classes: evaluation.classes,
    params: evaluation.params,
    bytes: evaluation.bytes,
    ...(zeroShot && {
      ...measured('top1', zeroShot.top1),
      ...measured('top5', zeroShot.top5),
      mean_per_class: zeroShot.meanPerClass,
      macro_f1: zeroShot.macroF1,
    }),
    ...(zeroShot && {
      by_class: classFigures(evaluation.predictions).map(({ label, images, top1, precision }) => ({
        ...{ class: evaluation.classNames[label]!, images },
        ...measured('top1', top1),
        precision,
      })),
      confusions: confusions(evaluation.predictions).map(({ label, takenFor, images }) => ({
        ...{ class: evaluation.classNames[label]!, taken_for: evaluation.classNames[takenFor]!, images },
      })),
    }),
    ...(longTail && {
      long_tail: longTail.map(({ name, trained, classes, images, top1, meanPerClass, macroF1 }) => ({
        name,
        trained,
        classes,
        images,
        ...measured('top1', top1),
        mean_per_class: meanPerClass,
        macro_f1: macroF1,
      })),
    }),
    ...(retrieval && {
      texts: retrieval.texts,
      ...recall('image_to_text', retrieval.imageToText),
      ...recall('text_to_image', retrieval.textToImage),
    }),
    ...(repeated && {
      distinct_retrieval: {
        texts: repeated.texts,
        ...recall('image_to_text', repeated.imageToText),
        ...recall('text_to_image', repeated.textToImage),
      },
    }),
    ...(evaluation.foldRetrieval && {
      fold_retrieval: {
        folds: evaluation.foldRetrieval.folds,
        images: evaluation.foldRetrieval.images,
        image_to_text: evaluation.foldRetrieval.imageToText,
        text_to_image: evaluation.foldRetrieval.textToImage,
      },
    }),
    ...(baseNovel && {
      ...measured('base', baseNovel.base),
      ...measured('novel', baseNovel.novel),
      harmonic: baseNovel.harmonic,
    }),
    ...(generalized && {
      generalized: {
        unbiased: generalized.unbiased,
        best_bias: generalized.best,
        best_seen: generalized.bestSeen,
        best_unseen: generalized.bestUnseen,
        auc: generalized.auc,
      },
    }),
    artists: evaluation.artists.map(({ artist, images, unseen, top1 }) => ({
      artist,
      images,
      unseen,
      ...measured('top1', top1),
    })),
    ...(latency && { latency_ms: latency.medianMs, latency_p95_ms: latency.p95Ms }),
    warnings: evaluation.warnings,
    skipped: evaluation.skipped,
  };
}

/** Retrieval with equal captions as one text, where there are any. */
const repeatedCaptions = ({ retrieval, distinctRetrieval }: Evaluation) =>
  distinctRetrieval?.texts === retrieval?.texts ? undefined : distinctRetrieval;
