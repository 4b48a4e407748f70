import type { Interval, ModelSummary } from './data.js';
import { type Html, html } from './html.js';
import { bytes, count, duration, percent } from './numbers.js';

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
      `${percent(student.top1.value)} % against ${percent(teacher.top1.value)} %`,
    ],
    [
      `${ratio(teacher.params / student.params)}×`,
      'fewer parameters',
      `${count(student.params)} against ${count(teacher.params)}`,
    ],
    [
      `${percent(student.latencyMs / teacher.latencyMs, 0)} %`,
      'of the teacher’s latency',
      `${student.latencyMs.toFixed(1)} ms an image against ${teacher.latencyMs.toFixed(1)} ms`,
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
export function comparisonTable(models: readonly ModelSummary[], tone: (model: string) => string): Html {
  const teacher = models.find((m) => m.role === 'teacher');
  const accuracy = (name: string, of: (m: ModelSummary) => Interval, note?: string) =>
    row(
      name,
      note,
      models,
      (m) => accuracyCell(of(m), m, teacher && m !== teacher ? of(teacher) : undefined),
      best(models, (m) => of(m).value),
    );
  const plain = (
    name: string,
    note: string | undefined,
    of: (m: ModelSummary) => number | undefined,
    print: (n: number) => string,
    lessIsBetter = true,
  ) =>
    models.some((m) => of(m) !== undefined)
      ? row(
          name,
          note,
          models,
          (m) => html`<b>${of(m) === undefined ? '–' : print(of(m)!)}</b>${smaller(m, of, teacher, lessIsBetter)}`,
        )
      : html``;
  const fraction = (n: number) => `${percent(n)} %`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Comparison of the models"><table class="comparison">
<thead><tr><th scope="col"><span class="hidden">Measure</span></th>${models.map((m) => html`<th scope="col" class="${tone(m.name)}"><i></i>${m.name}</th>`)}</tr></thead>
<tbody>
${accuracy('Top-1', (m) => m.top1, 'zero-shot')}
${accuracy('Top-5', (m) => m.top5, 'zero-shot')}
${accuracy('R@1 image → text', (m) => m.r1ImageToText, 'retrieval')}
${accuracy('R@1 text → image', (m) => m.r1TextToImage, 'retrieval')}
${plain('Base concepts', 'top-1', (m) => m.base, fraction, false)}
${plain('Novel concepts', 'top-1, kept out of training', (m) => m.novel, fraction, false)}
${plain('Harmonic mean', 'of base and novel', (m) => m.harmonic, fraction, false)}
${plain('Parameters', undefined, (m) => m.params, count)}
${plain('Size', 'on disk', (m) => m.bytes, bytes)}
${plain(
  'Latency',
  'one image, median',
  (m) => m.latencyMs,
  (n) => `${n.toFixed(1)} ms`,
)}
${plain(
  'Images seen',
  'in training',
  (m) => m.imagesSeen,
  (n) => n.toLocaleString('en-GB'),
  false,
)}
${plain('Training', 'wall time', (m) => m.trainSeconds, duration, false)}
</tbody></table></div>
<p class="note">Second line: 95 % interval. Third: the share of the teacher’s figure that a student keeps. All accuracies are on drawings that no model saw in training.</p>`;
}

function row(
  name: string,
  note: string | undefined,
  models: readonly ModelSummary[],
  cell: (m: ModelSummary) => Html,
  winner?: ModelSummary,
): Html {
  return html`<tr><th scope="row">${name}${note ? html`<small>${note}</small>` : ''}</th>${models.map((m) => html`<td${m === winner ? html` class="best"` : ''}>${cell(m)}</td>`)}</tr>
`;
}

function accuracyCell(interval: Interval, model: ModelSummary, teacher: Interval | undefined): Html {
  const share = teacher
    ? html`${percent(interval.value / teacher.value)} %<span class="wide"> of teacher</span>`
    : model.role === 'teacher' && 'reference';
  return html`<b>${percent(interval.value)} %</b><small>${percent(interval.low)}–${percent(interval.high)}</small><small class="share">${share}</small>`;
}

/** The better of the students; the teacher is the reference and takes no part. */
function best(models: readonly ModelSummary[], of: (m: ModelSummary) => number): ModelSummary | undefined {
  const students = models.filter((m) => m.role !== 'teacher').sort((a, b) => of(b) - of(a));
  return students.length > 1 && of(students[0]!) > of(students[1]!) ? students[0] : undefined;
}

function smaller(
  model: ModelSummary,
  of: (m: ModelSummary) => number | undefined,
  teacher: ModelSummary | undefined,
  shown: boolean,
): Html {
  const mine = of(model);
  const theirs = teacher && of(teacher);
  if (!shown || !mine || !theirs || model === teacher) return html``;
  return html`<small class="share">${mine < theirs ? `${ratio(theirs / mine)}× less` : `${ratio(mine / theirs)}× more`}</small>`;
}

const ratio = (n: number) => (n >= 100 ? n.toFixed(0) : n.toFixed(1));
const signed = (n: number) => `${n < 0 ? '−' : '+'}${Math.abs(n).toFixed(1)}`;
