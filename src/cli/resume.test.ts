import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { openDataset } from '../data/index.js';
import { distill } from '../distill/index.js';
import { recipe, teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';
import { readRunRecord } from '../train/index.js';

const colours = { red: '#e01e1e', green: '#1ec83c', blue: '#1e3cdc' };

let folder = '';
const at = (name: string) => join(folder, name);

/** A run that was stopped after three steps, begun as by a command line in `folder`. */
async function stopped(name: string): Promise<void> {
  const controller = new AbortController();
  const phases = { warmup: { steps: 2, lr: 3e-3 }, prompt: { steps: 0 }, joint: { steps: 3, lr: 3e-3 } };
  await distill({
    ...{ teacher, dataset: await openDataset(`folder:${at('images')}`), runDir: at(name), engine: { threads: 1 } },
    recipe: recipe({ batch: 4, data: { dataset: 'folder:images' }, phases, evaluation: { every: 2 } }),
    sources: { teacher: at('teacher') },
    remarks: ['Student: small.'],
    invocation: { args: ['--teacher', 'teacher', '--threads', '1'], folder, out: at(name) },
    signal: controller.signal,
    onProgress: ({ overall }) => void (overall === 3 && controller.abort()),
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promptkd-resume-'));
  for (const [name, colour] of Object.entries(colours)) {
    for (let i = 0; i < 6; i++) await put(at('images'), `${name}/${i}.png`, await imageFile(colour));
  }
  await saveCheckpoint(at('teacher'), teacher);
  await stopped('mine');
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

describe('resume', () => {
  it('goes on with nothing but the folder, from anywhere, and keeps what was chosen', async () => {
    expect((await readRunRecord(at('mine')))!.state).toBe('stopped');
    const { code, out, err } = await promptkd('resume', at('mine'), '--json');
    expect([code, err]).toEqual([0, expect.stringContaining('"phase":"joint"')]);
    expect(JSON.parse(out)).toMatchObject({ student: 'mine/student', images_seen: 20, best: { split: 'val' } });
    const record = (await readRunRecord(at('mine')))!;
    expect(record).toMatchObject({
      state: 'finished',
      steps: 5,
      invocation: { args: expect.arrayContaining(['teacher']) },
    });
    expect(readFileSync(at('mine/recipe.yaml'), 'utf8')).toMatch(/^# Student: small\.\nmethod: promptkd\n/);
    expect((await promptkd('resume', at('mine'))).out).toContain('has finished, after 5 steps');
    // The run's folder is a model.
    const shown = await promptkd('evaluate', at('mine'), '--data', `folder:${at('images')}`, '--latency-runs', '0');
    expect([shown.code, shown.err]).toEqual([0, expect.stringContaining('is a run: its best/ is taken')]);
  }, 60_000);

  it('leaves a run that is listed, exported and cleaned', async () => {
    const [run] = JSON.parse((await promptkd('runs', folder, '--json')).out);
    expect(run).toMatchObject({ run: 'mine', command: 'distill', state: 'finished', steps: 5, figure: 'top-1' });
    expect((await promptkd('runs', 'csv', at('mine'))).out).toBe(`${at('mine/history.csv')}: 5 steps\n`);
    const asked = await promptkd('runs', 'clean', folder);
    expect([asked.code, asked.out]).toEqual([0, 'nothing was deleted; with --yes it is\n']);
    expect(asked.err).toContain('mine/targets');
    expect((await promptkd('runs', 'clean', folder, '--yes')).out).toMatch(
      /^deleted \S+ kB; models, reports and histories stay;/,
    );
    expect([existsSync(at('mine/targets')), existsSync(at('mine/student/config.json'))]).toEqual([false, true]);
  }, 60_000);

  it('says what is missing', async () => {
    writeFileSync(
      at('mine/run.json'),
      readFileSync(at('mine/run.json'), 'utf8').replace('"finished"', '"stopped"').replace('"invocation"', '"was"'),
    );
    expect(await promptkd('resume', at('mine'))).toMatchObject({ code: 2, err: expect.stringMatching(/run.json/) });
    expect(await promptkd('resume', at('images'))).toMatchObject({
      ...{ code: 2, err: `promptkd: ${at('images')}: expected the folder of a run, with run.json, found none\n` },
    });
  });
});
