import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../errors.js';
import { readRadiograph } from './collect.js';
import { madeDicom } from './dicom.fixture.js';
import { sections } from './mimic-cxr.js';
import { openStudies } from './open.js';

let root = '';
let png: Buffer;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'promptkd-studies-'));
  png = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
    .png()
    .toBuffer();
});
afterAll(() => rm(root, { recursive: true }));

async function put(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await mkdtemp(join(root, 'case-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const [first, second] = ['The heart is normal in size. No effusion.', 'There is a small left pleural effusion.'];

describe('reads', () => {
  it('R2Gen’s annotation.json, two views a study', async () => {
    const entry = (id: string, report: string, ...image_path: string[]) => ({ id, report, image_path, split: 'train' });
    const json = { train: [entry('a', first, 'a/0.png', 'a/1.png')], val: [], test: [entry('b', second, 'b/0.png')] };
    const folder = await put({
      'annotation.json': JSON.stringify(json),
      ...{ 'images/a/0.png': png, 'images/a/1.png': png, 'images/b/0.png': png },
    });
    const { studies, dataset, findings } = await openStudies(`iu:${join(folder, 'annotation.json')}`);
    expect(studies.map(({ id, split, images }) => [id, split, images.length])).toEqual([
      ['a', 'train', 2],
      ['b', 'test', 1],
    ]);
    expect(findings.name).toBe('chexpert');
    expect(await dataset.load(dataset.splits.test![0]!)).toMatchObject({ width: 8, height: 8 });
  });

  it('Open-i’s tables: findings, then impression, the frontal view first', async () => {
    const folder = await put({
      'indiana_reports.csv': `uid,MeSH,findings,impression\n1,normal,"The heart is normal,\nin size.",No effusion.\n2,,,${second}\n`,
      'indiana_projections.csv': 'uid,filename,projection\n1,1_l.png,Lateral\n1,1_f.png,Frontal\n2,2_f.png,Frontal\n',
      ...{ 'images/1_l.png': png, 'images/1_f.png': png, 'images/2_f.png': png },
    });
    const { studies } = await openStudies(`openi:${folder}`);
    expect(studies[0]).toMatchObject({ id: '1', report: 'The heart is normal,\nin size. No effusion.' });
    expect(studies[0]!.images.map(({ id }) => id)).toEqual(['1_f.png', '1_l.png']);
    expect(studies[1]!.report).toBe(second);
  });

  it('MIMIC-CXR’s folders: sections of reports, DICOM, splits gzipped', async () => {
    const report = `                 FINAL REPORT\n EXAMINATION:  CHEST\n\n FINDINGS: \n\n The heart is normal.\n No effusion.\n\n IMPRESSION:  No acute process.\n`;
    const table =
      'dicom_id,study_id,subject_id,split\nd1,50000001,10000001,train\nd2,50000002,10000002,validate\nd3,50000003,10000003,test\n';
    const place = (subject: string, study: string) => `files/p10/p${subject}/s${study}`;
    const folder = await put({
      'mimic-cxr-2.0.0-split.csv.gz': gzipSync(table),
      [`${place('10000001', '50000001')}.txt`]: report,
      [`${place('10000001', '50000001')}/d1.dcm`]: madeDicom(),
      [`${place('10000002', '50000002')}.txt`]: ` ${second}\n`,
      [`${place('10000002', '50000002')}/d2.jpg`]: await sharp(png).jpeg().toBuffer(),
    });
    const { studies, dataset, skipped } = await openStudies(`mimic:${folder}`);
    expect(studies.map(({ id, split, report }) => [id, split, report])).toEqual([
      ['s50000001', 'train', 'The heart is normal. No effusion. No acute process.'],
      ['s50000002', 'val', second],
    ]);
    expect(skipped).toMatchObject([{ id: 's50000003', reason: expect.stringMatching(/^no report files/) }]);
    expect(await dataset.load(dataset.splits.train![0]!)).toMatchObject({ width: 4, height: 2 });
    expect(sections('WET READ: nothing\nFINAL: No change seen.')).toBe('No change seen.');
  });

  it('CSV: rows of one study are its views; splits are dealt where none are named, the same each time', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `s${i},a.png,"${i % 2 ? first : second}"`);
    const folder = await put({
      't.csv': `study,image,report\n${rows.join('\n')}\ns0,b.dcm,\n`,
      'a.png': png,
      'b.dcm': madeDicom(),
    });
    const { studies, dataset } = await openStudies(`csv:${join(folder, 't.csv')}?findings=phantoms`);
    expect(studies[0]!.images.map(({ id }) => id)).toEqual(['a.png', 'b.dcm']);
    expect(new Set(studies.map(({ split }) => split))).toEqual(new Set(['train', 'val', 'test']));
    const again = await openStudies(`csv:${join(folder, 't.csv')}?findings=phantoms`);
    expect(again.dataset.fingerprint).toBe(dataset.fingerprint);
  });
});

describe('bad studies', () => {
  const table = async (...rows: string[]) => {
    const folder = await put({ 't.csv': ['study,image,report', ...rows].join('\n'), 'a.png': png });
    return `csv:${join(folder, 't.csv')}`;
  };

  it('an empty report is counted; where all are empty, that is said', async () => {
    const { studies, skipped } = await openStudies(
      await table(`1,a.png,"${first}"`, '2,a.png,', `3,a.png,"${second}"`),
    );
    expect(studies).toHaveLength(2);
    expect(skipped).toEqual([{ id: '2', reason: 'its report is empty' }]);
    await expect(openStudies(await table('1,a.png,', '2,a.png,---'))).rejects.toThrow(
      /expected studies with an image and a report, found none that can be used; 1: its report is empty/,
    );
  });

  it('two studies with one id', async () => {
    await expect(openStudies(await table(`1,a.png,"${first}"`, `1,a.png,"${second}"`))).rejects.toThrow(
      'two studies have the id 1: its rows have different reports',
    );
    const entry = (report: string) => ({ id: 'a', report, image_path: ['a.png'] });
    const json = { train: [entry(first), entry(second)], val: [], test: [] };
    const folder = await put({ 'annotation.json': JSON.stringify(json), 'a.png': png });
    const { studies, skipped } = await openStudies(`iu:${join(folder, 'annotation.json')}`);
    expect(studies.map(({ report }) => report)).toEqual([first]);
    expect(skipped).toEqual([{ id: 'a', reason: 'another study has the same id: the first is taken' }]);
  });

  it('reports in another language', async () => {
    const german = 'Herz normal gross. Kein Pleuraerguss. Keine Infiltrate. Zwerchfell beidseits glatt begrenzt.';
    const rejected = expect(openStudies(await table(`1,a.png,"${german}"`, `2,a.png,"${german}"`))).rejects;
    await rejected.toThrow(/expected reports in English, got words of which \d % are usual/);
  });

  it('a report of megabytes, a study of hundreds of images, a link to a device: each is counted', async () => {
    const entry = (id: string, report: string, count = 1, name = '0.png') => ({
      ...{ id, report, image_path: Array(count).fill(name) },
    });
    const train = [entry('a', first), entry('b', 'effusion '.repeat(1e5)), entry('c', second, 500)];
    const folder = await put({ 'annotation.json': JSON.stringify({ train, val: [], test: [] }), '0.png': png });
    const { studies, skipped } = await openStudies(`iu:${join(folder, 'annotation.json')}`);
    expect([studies.map(({ id }) => id), skipped.map(({ reason }) => reason)]).toEqual([
      ['a'],
      ['expected a report of at most 20000 characters, got 900000', 'expected at most 64 images of one study, got 500'],
    ]);
    if (process.platform === 'win32') return;
    await symlink('/dev/zero', join(folder, 'x.dcm'));
    await expect(readRadiograph(join(folder, 'x.dcm'), 'x.dcm')).rejects.toThrow('expected a file, got a device');
  });

  it('images that are not there, or lead out of their folder; no text of a report in any message', async () => {
    const secret = 'The heart of Jane Doe is normal in size.';
    const { skipped } = await openStudies(
      await table(`1,b.png,"${secret}"`, `2,../t.csv,"${secret}"`, `3,a.png,"${first}"`),
    );
    expect(skipped).toHaveLength(4);
    expect(JSON.stringify(skipped)).not.toMatch(/Jane|heart/);
    const folder = await put({ 'annotation.json': JSON.stringify({ train: [{ id: 1, report: [secret] }] }) });
    const error = await openStudies(`iu:${join(folder, 'annotation.json')}`).catch((error: Error) => error.message);
    expect(error).toMatch(/train\.0\.report|train\[0\]\.report/);
    expect(error).not.toMatch(/Jane|heart/);
  });

  it('what is no kind of studies', async () => {
    await expect(openStudies('phantom')).rejects.toThrow('did you mean phantoms?');
    await expect(openStudies('iu:none.json')).rejects.toThrow('none.json: no such file');
    await expect(openStudies(`${await table(`1,a.png,${first}`)}?findings=x`)).rejects.toThrow(
      'expected phantoms or chexpert',
    );
  });
});

describe('what a stranger wrote', () => {
  it('may call splits and kinds like parts of the language', async () => {
    const table = `image,report,split\na.png,${first},constructor\nb.png,${second},__proto__\n`;
    const folder = await put({ 'x.csv': table, 'a.png': png, 'b.png': png });
    const { dataset, studies } = await openStudies(`csv:${join(folder, 'x.csv')}`);
    expect(Object.keys(dataset.splits).sort()).toEqual(['__proto__', 'constructor']);
    expect(studies.map(({ split }) => split)).toEqual(['constructor', '__proto__']);
    await expect(openStudies('constructor:x')).rejects.toBeInstanceOf(UserError);
  });

  it('leads no reader out of MIMIC-CXR’s folders, and is not unpacked without end', async () => {
    const head = 'dicom_id,study_id,subject_id,split\n';
    const table = 'mimic-cxr-2.0.0-split.csv.gz';
    const out = await put({ [table]: gzipSync(`${head}d1,1,10,train\nd2,/../../../../secret,10,train\n`) });
    await writeFile(join(dirname(out), 'secret.txt'), 'FINDINGS: of somebody else.');
    const refused = await openStudies(`mimic:${out}`).catch((error: Error) => error);
    expect(refused).toBeInstanceOf(UserError);
    expect(String(refused)).not.toContain('somebody else');
    const lacking = await put({ [table]: gzipSync('dicom_id,study_id\nd1,1\n') });
    await expect(openStudies(`mimic:${lacking}`)).rejects.toThrow('expected a column subject_id');
    const bomb = await put({ [table]: gzipSync(Buffer.alloc(2 ** 26 + 1, head)) });
    await expect(openStudies(`mimic:${bomb}`)).rejects.toThrow('gzipped CSV of at most 64 MiB');
  });
});
