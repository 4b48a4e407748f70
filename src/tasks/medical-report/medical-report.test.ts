import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initClip } from '../../clip/towers/initialise.js';
import type { RawImage } from '../../data/index.js';
import { saveModel } from '../../model/index.js';
import { OnnxFile } from '../../runtime/index.js';
import type * as serve from '../../serve/index.js';
import { compileOptions as engine, teacher as model } from '../../test/colours.fixture.js';
import { promptkd } from '../../test/command.fixture.js';
import type * as tasks from '../index.js';
import { indexFingerprint, indexForVariant, loadReportIndex, type ReportIndex } from './corpus/index-folder.js';
import { madeDicom } from './data/dicom.fixture.js';
import { type Draft, draftHeader, draftText, writeDraft } from './draft/draft.js';
import { Drafter } from './draft-study.js';
import { evaluateReports } from './evaluate.js';
import { exportReports } from './export.js';
import { findingSet } from './labels/finding-set.js';
import { labelSentence } from './labels/labeler.js';
import { squareImage, squareSide, squareStudies } from './squares.fixture.js';
import { reportIndexRecipe } from './train/index-recipe.js';
import { makeReportIndex } from './train/make-index.js';

const studies = squareStudies();
const set = findingSet('phantoms');
const recipe = reportIndexRecipe.parse({ steps: 80, batch: 16, lr: 5e-3, warmup_steps: 5, head: { width: 8 } });

let root = '';
let index: ReportIndex;
let drafter: Drafter;
const said: unknown[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-reports-'));
  const note = {
    onProgress: (update: unknown) => void said.push(update),
    onMessage: (text: string) => void said.push(text),
  };
  const made = await makeReportIndex({ model, studies, recipe, engine, runDir: join(root, 'run'), ...note });
  expect(made).toMatchObject({ finished: true, studies: 48, images: 48 });
  index = await loadReportIndex(join(root, 'run'));
  drafter = await Drafter.open(model, index, engine);
});
afterAll(async () => {
  await drafter.dispose();
  await rm(root, { recursive: true });
});

const draftOfSquare = (i: number) => drafter.draft([squareImage(i)], ['square.png']);

describe('a draft', () => {
  it('says what was found, in sentences that agree with it, each with its evidence', async () => {
    let right = 0;
    for (let i = 80; i < 96; i++) {
      const draft = await draftOfSquare(i);
      const state = Object.fromEntries(draft.findings.map(({ name, said: state }) => [name, state]));
      for (const { text, evidence } of draft.sentences) {
        for (const [name, what] of labelSentence(text, set)) expect([name, what]).toEqual([name, state[name]]);
        expect(index.described.studies).toContain(evidence.study);
        expect(text).not.toMatch(/prior/);
        if (state[evidence.finding] === 'present') expect(evidence.region).toHaveLength(4);
      }
      expect(new Set(draft.sentences.map(({ text }) => text)).size).toBe(draft.sentences.length);
      const isThere = i % 2 === 1;
      if ((state['pleural effusion'] === 'present') === isThere) right++;
    }
    // Half would be chance.
    expect(right).toBeGreaterThanOrEqual(11);
  });

  it('names what it makes no statement about: findings that no study had', async () => {
    const draft = await draftOfSquare(81);
    expect(draft.no_statement_about).toEqual(expect.arrayContaining(['device line', 'lung opacity']));
    expect(draft.findings.map(({ name }) => name)).toEqual(set.findings.map(({ name }) => name));
    expect(draft.review).toEqual({ reviewed_by: null, date: null, accepted: null, changes: null });
    expect(draft.made_by).toMatchObject({ model: index.described.model, index: indexFingerprint(index) });
  });

  it('of an image that is no radiograph says so, and nothing else', async () => {
    const data = Uint8Array.from({ length: squareSide ** 2 * 3 }, (_, i) => (i % 3 === 0 ? 255 : i % 2 ? 200 : 0));
    const other: RawImage = { width: squareSide, height: squareSide, channels: 3, data };
    const draft = await drafter.draft([other], ['cat.png']);
    expect(draft.far_from_index).toMatchObject({
      far: true,
      message: expect.stringMatching(/^far from everything indexed/),
    });
    expect([draft.sentences, draft.no_statement_about.length]).toEqual([[], set.findings.length]);
    expect(draftText(draft)).toContain('may be no radiograph');
  });

  it('is not exported without its header', async () => {
    const draft = await draftOfSquare(80);
    const [text, file] = [draftText(draft), join(root, 'draft.json')];
    expect(text.startsWith(draftHeader)).toBe(true);
    expect(text.endsWith(draftHeader)).toBe(true);
    await writeDraft(file, draft);
    expect((JSON.parse(await readFile(file, 'utf8')) as Draft).header).toBe(draftHeader);
    for (const header of ['', 'Report']) {
      expect(() => draftText({ ...draft, header })).toThrow(/header is missing or changed/);
      await expect(writeDraft(join(root, 'bare.txt'), { ...draft, header })).rejects.toThrow(/header/);
    }
    expect(existsSync(join(root, 'bare.txt'))).toBe(false);
  });

  it('joins several views of a study', async () => {
    const draft = await drafter.draft([squareImage(81), squareImage(83)], ['a.png', 'b.png']);
    expect(draft.images).toEqual(['a.png', 'b.png']);
    await expect(drafter.draft([], [])).rejects.toThrow('expected at least one image');
  });
});

describe('an index', () => {
  it('quotes no sentence of an earlier image, and no text of a report is in what is logged', async () => {
    expect(index.described.sentences.length).toBe(8);
    const logged = JSON.stringify(said) + (await readFile(join(root, 'run', 'run.json'), 'utf8'));
    expect(logged).not.toMatch(/heart|enlarged|There is|Unchanged/i);
  });

  it('made in two sittings is the one made in one', async () => {
    const runDir = join(root, 'again');
    const stop = new AbortController();
    const onProgress = ({ overall }: { overall?: number }) => {
      if (overall === 30) stop.abort();
    };
    const first = await makeReportIndex({ model, studies, recipe, engine, runDir, onProgress, signal: stop.signal });
    expect(first.finished).toBe(false);
    await makeReportIndex({ model, studies, recipe, engine, runDir });
    expect(indexFingerprint(await loadReportIndex(runDir))).toBe(indexFingerprint(index));
  });

  it('learns from a teacher’s probabilities', async () => {
    const taught = { model, index };
    const options = { model, studies, engine, teacher: taught, runDir: join(root, 'taught') };
    const labels = { ...recipe.losses, labels: 0 };
    const made = await makeReportIndex({ ...options, recipe: { ...recipe, losses: labels } });
    const own = await loadReportIndex(made.folder);
    expect(own.described.teacher).toBe(indexFingerprint(index));
    const { findings } = await evaluateReports(model, own, studies, engine);
    expect(findings.cardiomegaly!.aurocHead).toBeGreaterThan(0.8);
  });

  it('stands on its own model; another form of it has to be allowed', async () => {
    const other = { ...model, params: initClip(model.config, 5) };
    await expect(Drafter.open(other, index, engine)).rejects.toThrow(/made with the model .* --variant/);
    const variant = await Drafter.open(other, indexForVariant(index, other), engine);
    expect((await variant.draft([squareImage(80)], ['a'])).made_by.model).not.toBe(index.described.model);
    await variant.dispose();
  });

  it('is not made of one report, nor without held-out studies', async () => {
    const one = {
      ...studies,
      studies: studies.studies.map((study) => ({ ...study, report: 'The heart is enlarged.' })),
    };
    const options = { model, recipe, engine, runDir: join(root, 'bad') };
    await expect(makeReportIndex({ ...options, studies: one })).rejects.toThrow(
      'expected different reports to draw sentences from, got one report 48 times: every draft would be that one',
    );
    await expect(makeReportIndex({ ...options, studies: squareStudies({ train: 40 }) })).rejects.toThrow(
      /data\.calibrate/,
    );
    await expect(loadReportIndex(join(root, 'nowhere'))).rejects.toThrow('expected the folder of an index');
  });
});

it('is measured beside a constant normal report and a random one', async () => {
  const made = await evaluateReports(model, index, studies, { ...engine, timed: 3 });
  expect(made).toMatchObject({ studies: 24, split: 'test', synthetic: true, skipped: [] });
  const { drafts, baselines } = made;
  expect(drafts.keywordF1.micro).toBeGreaterThan(baselines.random.keywordF1.micro);
  expect(baselines.normal.keywordF1.micro).toBe(0);
  expect(baselines.normal.bleu[0]).toBeGreaterThan(0.2);
  expect(made.findings['pleural effusion']!.auroc).toBeGreaterThan(0.9);
  expect(made.findings['device line']!.auroc).toBeUndefined();
  expect(made.msPerStudy!.runs).toBe(3);
  await expect(evaluateReports(model, index, studies, { split: 'x' })).rejects.toThrow(
    'expected one of train, val, test',
  );
});

it('exports tower and head as ONNX, whose probabilities are the engine’s', async () => {
  const out = join(root, 'exported');
  const { difference, bytes } = await exportReports(model, index, out);
  expect(difference).toBeLessThan(1e-4);
  expect(Object.keys(bytes)).toEqual(['finding_model.onnx', 'finding_head.onnx']);
  const manifest = JSON.parse(await readFile(join(out, 'medical_report.json'), 'utf8')) as { header: string };
  expect(manifest.header).toBe(draftHeader);
  const head = await OnnxFile.open(join(out, 'finding_head.onnx'));
  const { patches, patch_width, embed_width } = index.described.head;
  const made = await head.run({
    patch_tokens: { shape: [2, patches, patch_width], data: new Float32Array(2 * patches * patch_width).fill(0.1) },
    image_embeds: { shape: [2, embed_width], data: new Float32Array(2 * embed_width).fill(0.1) },
  });
  expect(made.probabilities!.shape).toEqual([2, set.findings.length]);
  await head.dispose();
});

describe('as built', () => {
  let folder = '';
  beforeAll(async () => {
    folder = join(root, 'model');
    await saveModel(folder, model);
    await writeFile(join(root, 'chest.dcm'), madeDicom({ columns: 16, rows: 16 }));
    await writeFile(join(root, 'film.dcm'), madeDicom({ frames: 2 }));
  });

  it('medical-report draft reads DICOM, and refuses several frames in a sentence', async () => {
    const given = ['--index', join(root, 'run'), '--threads', '1'] as const;
    const drafted = await promptkd('medical-report', 'draft', folder, join(root, 'chest.dcm'), ...given);
    expect([drafted.code, drafted.err]).toEqual([0, '']);
    expect(drafted.out.startsWith(draftHeader)).toBe(true);
    expect(drafted.out).not.toMatch(/Doe|1970/);
    const film = await promptkd('medical-report', 'draft', folder, join(root, 'film.dcm'), ...given);
    expect([film.code, film.err]).toEqual([2, expect.stringMatching(/film\.dcm: it has 2 frames: expected one image/)]);
  });

  it('serve answers at /v1/medical-report, with the header', async () => {
    const dist = (path: string) => new URL(`../../../dist/${path}`, import.meta.url).href;
    const { ModelServer } = (await import(dist('serve/index.js'))) as typeof serve;
    const { medicalReportExtension } = (await import(dist('tasks/index.js'))) as typeof tasks;
    const extensions = [medicalReportExtension(folder, join(root, 'run'))];
    const log = pino({ level: 'silent' });
    const server = await ModelServer.start({ models: [folder], port: 0, workers: 1, threads: 1, extensions }, log);
    try {
      const { data } = squareImage(81);
      const png = await sharp(data, { raw: { width: squareSide, height: squareSide, channels: 3 } })
        .png()
        .toBuffer();
      const ask = (more: Readonly<Record<string, string>>, ...files: Buffer[]) => {
        const body = new FormData();
        for (const file of files) body.append('images', new Blob([new Uint8Array(file)]), 'a.png');
        for (const [name, value] of Object.entries(more)) body.append(name, value);
        return fetch(`${server.url}/v1/medical-report`, { method: 'POST', body });
      };
      const draft = (await (await ask({}, png)).json()) as Draft;
      expect(draft.header).toBe(draftHeader);
      expect(draft.findings).toEqual((await draftOfSquare(81)).findings);
      const words = (await (await ask({ text: 'true' }, png)).json()) as { text: string };
      expect(words.text.startsWith(draftHeader)).toBe(true);
      expect((await ask({})).status).toBe(400);
    } finally {
      await server.stop();
    }
  });
});
