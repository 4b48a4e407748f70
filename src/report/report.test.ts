import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { losses as distillLosses } from '../distill/losses/index.js';
import { Random } from '../math/random.js';
import { browserName, hasBrowser, launchBrowser } from '../test/browser.fixture.js';
import { ticks } from './axes.js';
import {
  type Interval,
  lossCurves,
  modelMetrics,
  phaseSpans,
  type ReportData,
  summaryTable,
  writeReport,
} from './index.js';
import { lineChart } from './line-chart.js';

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
  novel: interval(top1 - 0.3),
  harmonic: interval(top1 - 0.18),
  ...(small ? { imagesSeen: 96_000, trainSeconds: 201 } : {}),
});

async function sample(): Promise<ReportData> {
  const random = new Random(7, 'report');
  const fall = (from: number, to: number, start = 0, end = 2990) =>
    Array.from({ length: 300 }, (_, i): [number, number] => [
      start + 1 + Math.round((i * (end - start - 1)) / 299),
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
      answers: ['Teacher', 'Plain KD', 'PromptKD'].map((name, m) => ({
        model: name,
        top: [
          { label: n === 1 && m === 2 ? 'umbrella' : truth, probability: 0.81 - 0.2 * n },
          { label: n === 1 && m === 2 ? truth : 'house', probability: 0.1 },
          { label: 'umbrella with rain drops', probability: 0.04 },
        ],
      })),
      attention: ['Teacher', 'Plain KD', 'PromptKD'].map((name) => ({
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
        series: [
          {
            model: 'PromptKD',
            phases: [
              { name: 'Warm-up', points: fall(1.4, 0.9, 0, 1800) },
              { name: 'Student and prompts', points: fall(0.5, 0.21, 1950, 2990) },
            ],
          },
        ],
      },
      {
        component: 'Attention',
        about: 'Per-layer maps and the cross-modal map.',
        series: [{ model: 'PromptKD', phases: [{ name: 'Warm-up', points: fall(0.09, 0.0007) }] }],
      },
      {
        component: 'Response',
        about: 'KL of the logits at temperature T.',
        series: [
          { model: 'PromptKD', phases: [{ name: 'Student and prompts', points: fall(3.1, 0.4, 1950) }] },
          { model: 'Plain KD', phases: [{ name: 'kd', points: fall(3.3, 0.9) }] },
        ],
      },
    ],
    chance: {
      top1: 0.00286,
      top5: 0.0143,
      r1ImageToText: 0.001,
      r1TextToImage: 0.001,
      novel: 0.0074,
      harmonic: 0.0041,
    },
    curveUnit: 'training step',
    phases: {
      model: 'PromptKD',
      spans: [
        { name: 'Warm-up', start: 0, end: 1800 },
        { name: 'Prompt encoder', start: 1800, end: 1950 },
        { name: 'Student and prompts', start: 1950, end: 2990 },
      ],
    },
    examples,
    artists: ['noto', 'twemoji', 'openmoji', 'fxemoji'].map((artist, n) => ({
      artist,
      images: 240 + 13 * n,
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
    expect(page).toContain('14.0× fewer');
    // Latencies with as many digits as it takes to check their ratio.
    expect(page).toContain('1.40 ms</b><small class="share">4.43× faster');
    expect(page).not.toMatch(/× less|× more/);
  });

  it('shows interval and chance level beside every accuracy', async () => {
    const rows = [...page.matchAll(/<th scope="row">(.*?)<\/tr>/gs)].map(([, row]) => row!);
    const accuracies = rows.filter((row) => row.includes('</b><small>'));
    expect(accuracies.map((row) => /^[^<]*/.exec(row)![0])).toEqual([
      ...['Top-1', 'Top-5', 'Top-1, novel', 'Harmonic mean', 'R@1 image → text', 'R@1 text → image'],
    ]);
    for (const row of accuracies) expect(row).toMatch(/chance \d+(\.\d+)? %/);
    for (const row of accuracies) expect(row.match(/<small>\d+\.\d–\d+\.\d<\/small>/g)).toHaveLength(3);
    expect(page).toMatch(/class="chance" style="left:0\.29%"/);
    expect(page).toContain('74.0 % <small>71.3–76.7</small>');
  });

  it('breaks lines between phases, smooths each alone, and names all phases', async () => {
    const flat = (from: number, to: number, value: number) =>
      Array.from({ length: to - from }, (_, i) => [from + 1 + i, value] as const);
    const phases = [
      { name: 'one', points: flat(0, 100, 8) },
      { name: 'two', points: flat(100, 105, 2) },
      { name: 'three', points: flat(105, 200, 4) },
    ];
    const spans = phases.map(({ name, points }) => ({ name, start: points[0]![0] - 1, end: points.at(-1)![0] }));
    const chart = lineChart(
      { component: 'c', series: [{ model: 'm', phases }] },
      { unit: 'training step', phases: spans, tone: () => 'tone-0' },
    ).markup;
    const means = [...chart.matchAll(/<path class="mean tone-0" d="([^"]*)"/g)].map(([, path]) => path!);
    expect(means).toHaveLength(3);
    // A phase of equal values is a level line: nothing of the next one is mixed in.
    for (const path of means)
      expect(
        new Set(
          path
            .split(/[ML]/)
            .slice(1)
            .map((p) => p.split(' ')[1]),
        ).size,
      ).toBe(1);
    for (const { name } of phases) expect(chart).toContain(`text-anchor="middle">${name}</text>`);
    expect(chart).toContain('>training step</text>');
    expect(chart).toMatch(/>loss<\/text>/);
  });

  it('shows a value that a phase has alone, within the frame', () => {
    const chart = lineChart(
      {
        component: 'c',
        series: [
          {
            model: 'm',
            phases: [
              { name: 'one', points: [[1, 0.2]] },
              { name: 'two', points: [[2, 0.1]] },
            ],
          },
        ],
      },
      { unit: 'step', phases: [], tone: () => 'tone-0' },
    ).markup;
    expect(chart.match(/class="end lone tone-0"/g)).toHaveLength(2);
    const [, end] = /<circle class="end tone-0" cx="[\d.]+" cy="([\d.]+)"/.exec(chart)!;
    const frame = [...chart.matchAll(/<rect x="[\d.]+" y="(\d+)" width="[\d.]+" height="([\d.]+)"/g)][0]!;
    expect(Number(end)).toBeLessThan(Number(frame[1]) + Number(frame[2]) - 4);
  });

  it('leaves out sections without data', async () => {
    await writeReport(`${file}.empty.html`, { ...(await sample()), curves: [], examples: [], artists: [] });
    const empty = await readFile(`${file}.empty.html`, 'utf8');
    expect(empty).not.toContain('id="curves"');
    expect(empty).not.toContain('id="examples"');
    expect(empty).not.toContain('false');
  });

  it('prints the comparison on a terminal', async () => {
    const { models, chance } = await sample();
    const table = summaryTable(models, chance).split('\n');
    expect(table[0]).toMatch(/^ +Teacher +Plain KD +PromptKD +chance$/);
    expect(table[2]).toMatch(/^top-1, base classes +71\.2 % +60\.4 % +69\.4 % +0\.29 %$/);
    expect(table[3]).toMatch(/^ {2}95 % interval +68\.5–73\.9 .* 66\.7–72\.1$/);
    expect(table[4]).toMatch(/^ {2}of teacher +– +84\.8 % +97\.5 %$/);
    expect(table.join()).toContain('812 k (7.1 %)');
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(summaryTable(models).split('\n')[0]).not.toContain('chance');
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
    const curves = lossCurves([full, { model: 'KD', entries: [entry(1, 'kd', { response: 3 })] }], distillLosses, {
      prompt: 'Prompts',
    });
    expect(curves.map(({ component }) => component)).toEqual(['Feature alignment', 'Response', 'odd one']);
    expect(curves[1]!.series).toEqual([
      {
        model: 'PromptKD',
        phases: [
          {
            name: 'Prompts',
            points: [
              [1, 2],
              [2, 1],
            ],
          },
        ],
      },
      { model: 'KD', phases: [{ name: 'kd', points: [[1, 3]] }] },
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

  describe.skipIf(!hasBrowser)(`in a browser (${browserName})`, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchBrowser();
    });
    afterAll(() => browser?.close());

    it('opens without complaint and fits every screen', async () => {
      const tab = await browser.newPage();
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
      expect(await tab.locator('.example').count()).toBe(3);
      const tops = (selector: string) =>
        tab.evaluate<number[]>(
          `[...document.querySelector('.example').querySelectorAll('${selector}')].map((e) => e.getBoundingClientRect().top)`,
        );
      for (const width of [1280, 820, 390]) {
        await tab.setViewportSize({ width, height: 800 });
        // Nothing wider than the screen: only the table may scroll, within itself.
        const overflow = '() => document.documentElement.scrollWidth - document.documentElement.clientWidth';
        expect(await tab.evaluate(`(${overflow})()`)).toBe(0);
        // The answers of all three models stand beside each other.
        const heads = await tops('.answers h4');
        expect(heads).toHaveLength(3);
        expect(new Set(heads).size).toBe(1);
      }
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !/^(file|data):/.test(url))).toEqual([]);
      await tab.close();
    });

    it('reads the values at a pointer', async () => {
      const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      await tab.goto(`file://${file}`);
      const chart = tab.locator('figure.chart').nth(2);
      const shown = () =>
        tab.evaluate<string[]>(
          `[...document.querySelectorAll('figure.chart')[2].querySelectorAll('.reading')].filter((r) => getComputedStyle(r).visibility === 'visible').map((r) => r.textContent)`,
        );
      expect(await shown()).toEqual([]);
      await chart.locator('.probe > rect').nth(36).hover();
      expect(await shown()).toEqual([
        expect.stringMatching(/^2,\d\d\d · Student and promptsPromptKD [\d.]+Plain KD [\d.]+$/),
      ]);
      await tab.close();
    });
  });
});
