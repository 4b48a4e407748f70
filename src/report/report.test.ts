import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { losses as distillLosses } from '../distill/losses/index.js';
import { Random } from '../math/random.js';
import { browserName, hasBrowser, launchBrowser } from '../test/browser.fixture.js';
import {
  type Interval,
  lossCurves,
  modelMetrics,
  phaseSpans,
  type ReportData,
  summaryTable,
  writeReport,
} from './index.js';
import { ticks } from './line-chart.js';

const hostile = '<script>alert("x")</script> & \'co\'';

const interval = (value: number): Interval => ({ value, low: value - 0.027, high: value + 0.027 });
const model = (name: string, role: 'teacher' | 'baseline' | 'student', top1: number, small: boolean) => ({
  name,
  role,
  top1: interval(top1),
  top5: interval(top1 + 0.2),
  r1ImageToText: interval(top1 - 0.02),
  r1TextToImage: interval(top1 - 0.06),
  params: small ? 812_000 : 11_400_000,
  bytes: small ? 1_630_000 : 22_900_000,
  latencyMs: small ? 1.4 : 6.2,
  base: top1 + 0.01,
  novel: top1 - 0.3,
  harmonic: top1 - 0.18,
  ...(small ? { imagesSeen: 96_000, trainSeconds: 201 } : {}),
});

async function sample(): Promise<ReportData> {
  const random = new Random(7, 'report');
  const fall = (from: number, to: number, start = 0) =>
    Array.from({ length: 300 }, (_, i): [number, number] => [
      start + i * 10,
      (to + (from - to) * Math.exp(-i / 60)) * (1 + 0.12 * random.normal()),
    ]);
  const svg = (emblem: string) =>
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="#fff"/>${emblem}</svg>`,
    );
  const emblems = [
    '<circle cx="32" cy="32" r="24" fill="#ffcc4d"/><circle cx="24" cy="27" r="4"/><circle cx="40" cy="27" r="4"/><path d="M20 38q12 14 24 0" stroke="#664500" stroke-width="4" fill="none"/>',
    '<path d="M8 40q24-36 48 0z" fill="#dd2e44"/><rect x="29" y="40" width="6" height="16" fill="#6b4a2b"/>',
    '<rect x="12" y="26" width="40" height="26" rx="4" fill="#55acee"/><path d="M8 28L32 8l24 20z" fill="#a0041e"/><rect x="27" y="36" width="10" height="16" fill="#66412b"/>',
  ];
  const examples = await Promise.all(
    ['grinning face', 'mushroom', hostile].map(async (truth, n) => ({
      png: await sharp(svg(emblems[n]!)).png().toBuffer(),
      truth,
      artist: 'openmoji',
      answers: ['Teacher', 'PromptKD'].map((name, m) => ({
        model: name,
        top: [
          { label: n === 1 && m === 1 ? 'umbrella' : truth, probability: 0.81 - 0.2 * n },
          { label: n === 1 && m === 1 ? truth : 'house', probability: 0.1 },
          { label: 'umbrella with rain drops', probability: 0.04 },
        ],
      })),
      attention: ['Teacher', 'PromptKD'].map((name) => ({
        model: name,
        grid: [6, 6] as const,
        weights: Array.from(
          { length: 36 },
          (_, i) => Math.exp(-((Math.floor(i / 6) - 2.2) ** 2 + ((i % 6) - 2.7) ** 2) / 4) + 0.15 * random.float(),
        ),
      })),
    })),
  );
  return {
    title: 'A student that keeps 97 % of its teacher',
    summary:
      'An 11.4 M parameter CLIP teacher distilled into a 0.8 M student with dynamic prompts, on six artists’ drawings of 220 concepts; plain KD saw the same number of images.',
    facts: [
      ['Data', 'emoji, 1,214 test drawings'],
      ['Machine', '2 cores, CPU'],
      ['Seed', '0'],
      ['Written', '2026-01-05'],
    ],
    models: [
      model('Teacher', 'teacher', 0.712, false),
      model('Plain KD', 'baseline', 0.604, true),
      model('PromptKD', 'student', 0.694, true),
    ],
    curves: [
      {
        component: 'Feature alignment',
        about: 'Distance of mapped layers, after the learnable M.',
        series: [{ model: 'PromptKD', points: fall(1.4, 0.21) }],
      },
      {
        component: 'Attention',
        about: 'Per-layer maps and the cross-modal map.',
        series: [{ model: 'PromptKD', points: fall(0.09, 0.0007) }],
      },
      {
        component: 'Response',
        about: 'KL of the logits at temperature T.',
        series: [
          { model: 'PromptKD', points: fall(3.1, 0.4) },
          { model: 'Plain KD', points: fall(3.3, 0.9) },
        ],
      },
    ],
    curveUnit: 'steps',
    phases: [
      { name: 'Warm-up', start: 0, end: 800 },
      { name: 'Prompts', start: 800, end: 1400 },
      { name: 'Student and prompts', start: 1400, end: 2990 },
    ],
    examples,
    artists: ['noto', 'twemoji', 'openmoji', 'fxemoji'].map((artist, n) => ({
      artist,
      drawings: 240 + 13 * n,
      unseen: n === 3,
      accuracy: {
        Teacher: interval(0.74 - 0.05 * n),
        'Plain KD': interval(0.61 - 0.06 * n),
        PromptKD: interval(0.72 - 0.05 * n),
      },
    })),
    recipe: `method: promptkd\nseed: 0\nstudent:\n  note: ${hostile}\n`,
  };
}

describe('report', () => {
  let file: string;
  let page: string;
  beforeAll(async () => {
    // PROMPTKD_REPORT_DIR keeps the page, to look at it.
    file = join(process.env.PROMPTKD_REPORT_DIR ?? (await mkdtemp(join(tmpdir(), 'promptkd-report-'))), 'report.html');
    await writeReport(file, await sample());
    page = await readFile(file, 'utf8');
  });

  it('is self-contained: no script, no address outside the page', () => {
    expect(page).not.toMatch(/<script/i);
    expect(page).not.toMatch(/(?:src|href)\s*=\s*["']?(?!data:)[^"'\s>]/i);
    expect(page).not.toMatch(/https?:|url\(|@import/i);
  });

  it('escapes what came from outside', () => {
    expect(page).toContain('&#60;script&#62;alert(&#34;x&#34;)');
  });

  it('shows shares, gains and intervals', () => {
    expect(page).toContain('97.5 %<span class="wide"> of teacher');
    expect(page).toContain('66.7–72.1');
    expect(page).toContain('+9.0');
    expect(page).toContain('14.0×');
  });

  it('leaves out sections without data', async () => {
    await writeReport(`${file}.empty.html`, { ...(await sample()), curves: [], examples: [], artists: [], phases: [] });
    const empty = await readFile(`${file}.empty.html`, 'utf8');
    expect(empty).not.toContain('id="curves"');
    expect(empty).not.toContain('id="drawings"');
    expect(empty).not.toContain('false');
  });

  it('prints the comparison on a terminal', async () => {
    const table = summaryTable((await sample()).models).split('\n');
    expect(table[0]).toMatch(/^ +Teacher +Plain KD +PromptKD$/);
    expect(table[2]).toMatch(/^top-1 +71\.2 % \(68\.5–73\.9\) +60\.4 % .* 69\.4 % \(66\.7–72\.1\)$/);
    expect(table[3]).toMatch(/^ {2}of teacher +– +84\.8 % +97\.5 %$/);
    expect(table.join()).toContain('812 k (7.1 %)');
  });

  it('writes metrics with every figure that is asked for', async () => {
    const wanted = [
      'params',
      'bytes',
      'top1',
      'top5',
      'r1_image_to_text',
      'r1_text_to_image',
      'latency_ms',
      'images_seen',
      'train_seconds',
    ];
    for (const entry of (await sample()).models) {
      const metrics: object = modelMetrics(entry);
      for (const name of wanted) expect(metrics).toHaveProperty(name, expect.any(Number));
    }
  });

  it('turns histories into curves and phases', () => {
    const entry = (step: number, phase: string, losses: Record<string, number>) => ({ step, phase, losses });
    const full = {
      model: 'PromptKD',
      entries: [
        entry(1, 'prompt', { response: 2, feature: 1 }),
        entry(2, 'prompt', { response: 1 }),
        entry(3, 'joint', { odd_one: 4 }),
      ],
    };
    const curves = lossCurves([full, { model: 'KD', entries: [entry(1, 'kd', { response: 3 })] }], distillLosses);
    expect(curves.map(({ component }) => component)).toEqual(['Feature alignment', 'Response', 'odd one']);
    expect(curves[1]!.series).toEqual([
      {
        model: 'PromptKD',
        points: [
          [1, 2],
          [2, 1],
        ],
      },
      { model: 'KD', points: [[1, 3]] },
    ]);
    expect(phaseSpans(full, { prompt: 'Prompts' })).toEqual([
      { name: 'Prompts', start: 0, end: 2 },
      { name: 'joint', start: 2, end: 3 },
    ]);
  });

  it('ticks are round and inside', () => {
    expect(ticks(0, 1, 4)).toEqual([0, 0.5, 1]);
    expect(ticks(0.13, 0.31, 4)).toEqual([0.15, 0.2, 0.25, 0.3]);
  });

  it.skipIf(!hasBrowser)(`opens in a browser without complaint (${browserName})`, async () => {
    const running = await launchBrowser();
    try {
      const tab = await running.newPage({ viewport: { width: 400, height: 800 } });
      const complaints: string[] = [];
      const requests: string[] = [];
      tab.on('console', (message) => complaints.push(message.text()));
      tab.on('pageerror', (error) => complaints.push(error.message));
      tab.on('request', (request) => requests.push(request.url()));
      await tab.goto(`file://${file}`);
      expect(await tab.locator('table.comparison thead th').allInnerTexts()).toEqual([
        'Measure',
        'Teacher',
        'Plain KD',
        'PromptKD',
      ]);
      expect(await tab.locator('table.comparison tbody tr').first().textContent()).toContain('69.4 %');
      expect(await tab.locator('figure.chart').count()).toBe(3);
      expect(await tab.locator('.drawing').count()).toBe(3);
      // Nothing wider than a narrow screen: only the table may scroll, within itself.
      const overflow = '() => document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await tab.evaluate(`(${overflow})()`)).toBe(0);
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !/^(file|data):/.test(url))).toEqual([]);
    } finally {
      await running.close();
    }
  });
});
