import type { ChanceLevels, Interval, ModelSummary } from './data.js';
import { type Html, html } from './html.js';
import { accuracy, bytes, chancePercent, count, duration, milliseconds, percent, ratio } from './numbers.js';

/** The three or four figures that say how the distillation went. */
export function headline(models: readonly ModelSummary[]): Html {
  const teacher = models.find((m) => m.role === 'teacher');
  const student = models.find((m) => m.role === 'student');
  const baseline = models.find((m) => m.role === 'baseline');
  if (!teacher || !student) return html``;
  const tiles: [string, string, string][] = [
    [
      `${percent(student.top1.value / teacher.top1.value)} %`,
      'of the teacher’s top-1',
      `${accuracy(student.top1)} vs. ${accuracy(teacher.top1)}`,
    ],
    [
      `${ratio(teacher.params / student.params)}×`,
      'fewer parameters',
      `${count(student.params)} vs. ${count(teacher.params)}`,
    ],
    [
      `${ratio(teacher.latencyMs / student.latencyMs)}×`,
      teacher.latencyMs >= student.latencyMs ? 'faster' : 'as fast',
      `${milliseconds(student.latencyMs)} per image vs. ${milliseconds(teacher.latencyMs)}`,
    ],
  ];
  if (baseline) {
    const gain = (student.top1.value - baseline.top1.value) * 100;
    const retrieval = (student.r1ImageToText.value - baseline.r1ImageToText.value) * 100;
    tiles.push([
      signed(gain),
      `points of top-1 over ${baseline.name}`,
      `${signed(retrieval)} points of image-to-text R@1`,
    ]);
  }
  return html`<ul class="tiles">${tiles.map(([figure, what, detail]) => html`<li><strong>${figure}</strong><span>${what}</span><small>${detail}</small></li>`)}</ul>`;
}

/** Rows are measures and columns are models, so that it fits a narrow screen. */
export function comparisonTable(
  models: readonly ModelSummary[],
  tone: (model: string) => string,
  chance: ChanceLevels = {},
): Html {
  const teacher = models.find((m) => m.role === 'teacher');
  const share = (name: keyof ChanceLevels, title: string, note: string) => {
    const level = chance[name];
    const notes = level === undefined ? [note] : [note, `chance ${chancePercent(level)}`];
    if (!models.some((m) => m[name])) return html``;
    return row(title, notes, models, (m) => accuracyCell(m[name], m, teacher?.[name]), best(models, name));
  };
  const plain = (
    title: string,
    note: string | undefined,
    of: (m: ModelSummary) => number | undefined,
    print: (n: number) => string,
    words?: Comparative,
  ) =>
    models.some((m) => of(m) !== undefined)
      ? row(title, note ? [note] : [], models, (m) => {
          const value = of(m);
          return html`<b>${value === undefined ? '–' : print(value)}</b>${words && compared(m, of, teacher, words)}`;
        })
      : html``;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Comparison of the models"><table class="comparison">
<thead><tr><th scope="col"><span class="hidden">Measure</span></th>${models.map((m) => html`<th scope="col" class="${tone(m.name)}"><i></i>${m.name}</th>`)}</tr></thead>
<tbody>
${share('top1', 'Top-1', models.some((m) => m.novel) ? 'base classes, zero-shot' : 'zero-shot')}
${share('top5', 'Top-5', 'the same')}
${share('novel', 'Top-1, novel', 'classes kept out of training')}
${share('harmonic', 'Harmonic mean', 'of top-1, base and novel')}
${share('r1ImageToText', 'R@1 image → text', 'retrieval')}
${share('r1TextToImage', 'R@1 text → image', 'retrieval')}
${plain('Parameters', undefined, (m) => m.params, count, ['fewer', 'more'])}
${plain('Size', 'on disk', (m) => m.bytes, bytes, ['smaller', 'larger'])}
${plain('Latency', 'one image, median', (m) => m.latencyMs, milliseconds, ['faster', 'slower'])}
${plain(
  'Images seen',
  'in training',
  (m) => m.imagesSeen,
  (n) => n.toLocaleString('en-GB'),
)}
${plain('Training', 'wall time', (m) => m.trainSeconds, duration)}
</tbody></table></div>
<p class="note">Accuracies are on images that no model saw in training. Below each: its 95 % interval, then the share of the teacher’s accuracy that a student keeps. Chance is what guessing reaches.</p>`;
}

function row(
  name: string,
  notes: readonly string[],
  models: readonly ModelSummary[],
  cell: (m: ModelSummary) => Html,
  winner?: ModelSummary,
): Html {
  return html`<tr><th scope="row">${name}${notes.map((note) => html`<small>${note}</small>`)}</th>${models.map((m) => html`<td${m === winner ? html` class="best"` : ''}>${cell(m)}</td>`)}</tr>
`;
}

function accuracyCell(interval: Interval | undefined, model: ModelSummary, teacher: Interval | undefined): Html {
  if (!interval) return html`<b>–</b>`;
  const share =
    model.role === 'teacher'
      ? 'reference'
      : teacher &&
        teacher.value > 0 &&
        html`${percent(interval.value / teacher.value)} %<span class="wide"> of teacher</span>`;
  return html`<b>${percent(interval.value)} %</b><small>${percent(interval.low)}–${percent(interval.high)}</small><small class="share">${share}</small>`;
}

/** The better of the students; the teacher is the reference and takes no part. */
function best(models: readonly ModelSummary[], name: keyof ChanceLevels): ModelSummary | undefined {
  const of = (m: ModelSummary) => m[name]?.value ?? -1;
  const students = models.filter((m) => m.role !== 'teacher').sort((a, b) => of(b) - of(a));
  return students.length > 1 && of(students[0]!) > of(students[1]!) ? students[0] : undefined;
}

/** Words for less and for more of a measure. */
type Comparative = readonly [less: string, more: string];

function compared(
  model: ModelSummary,
  of: (m: ModelSummary) => number | undefined,
  teacher: ModelSummary | undefined,
  [less, more]: Comparative,
): Html {
  const mine = of(model);
  const theirs = teacher && of(teacher);
  if (!mine || !theirs || model === teacher) return html``;
  return html`<small class="share">${mine < theirs ? `${ratio(theirs / mine)}× ${less}` : `${ratio(mine / theirs)}× ${more}`}</small>`;
}

const signed = (n: number) => `${n < 0 ? '−' : '+'}${Math.abs(n).toFixed(1)}`;
