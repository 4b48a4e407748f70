import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { checkpoint, promptsFor } from '../compress/student.fixture.js';
import { readSafetensors } from '../files/index.js';
import { savePrompts } from '../prompt/index.js';
import { promptkd } from '../test/command.fixture.js';

let run: string;
beforeAll(async () => {
  run = await mkdtemp(join(tmpdir(), 'promptkd-export-cli-'));
  await saveCheckpoint(join(run, 'student'), checkpoint);
  await savePrompts(join(run, 'student'), promptsFor(2));
});
afterAll(() => rm(run, { recursive: true }));

describe('promptkd export', () => {
  const out = () => join(run, 'exported');
  const metrics = {
    params: 4e4,
    bytes: 8e4,
    top1: 0.612,
    top1_interval: [0.58, 0.64],
    top5: 0.9,
    r1_image_to_text: 0.6,
    r1_text_to_image: 0.5,
    latency_ms: 1.2,
    images_seen: 1000,
    train_seconds: 60,
  };

  it('exports a run with its recipe, templates and figures', async () => {
    await writeFile(join(run, 'recipe.yaml'), 'data: { dataset: emoji, split: train }\n');
    const training = { images_seen: 1, train_seconds: 1, templates: ['a sketch of {}'] };
    await writeFile(join(run, 'student', 'training.json'), JSON.stringify(training));
    await writeFile(join(run, 'metrics.json'), JSON.stringify({ promptkd: metrics, seed: 1 }));
    // The card of the model that is exported: whoever shares the export has to keep its licence.
    await writeFile(join(run, 'student', 'README.md'), '---\nlicense: cc-by-sa-4.0\n---\n\n# student\n');
    const classes = join(run, 'classes.txt');
    await writeFile(classes, 'red cat\n\nsmall tree\n');
    const {
      code,
      out: printed,
      err,
    } = await promptkd('export', run, '--out', out(), '--classes', classes, '--json', '--quiet');
    expect([code, err]).toEqual([0, '']);
    const result = JSON.parse(printed) as { files: string[]; max_difference: number };
    expect(result.max_difference).toBeLessThan(1e-4);
    expect(result.files).toEqual(expect.arrayContaining(['onnx/vision_model_fp16.onnx', 'training.json']));
    expect(JSON.parse(await readFile(join(out(), 'training.json'), 'utf8'))).toEqual(training);
    const { metadata } = readSafetensors(join(out(), 'classifier.safetensors'));
    expect(metadata).toMatchObject({ classes: '["red cat","small tree"]', templates: '["a sketch of {}"]' });
    const card = await readFile(join(out(), 'README.md'), 'utf8');
    expect(card).toContain('| top-1 | 61.2 % (58.0–64.0) |');
    expect(card).toContain('Data set `emoji`, split `train`.');
    expect(card).toMatch(/^---\nlicense: cc-by-sa-4\.0\n(.|\n)*\n## Licence\n\ncc-by-sa-4\.0\n/);
  });

  it.each([
    [() => [join(run, 'nowhere'), '--out', out()], /nowhere: expected the folder of a CLIP checkpoint/],
    [() => [run, '--out', out(), '--classes', 'nowhere.txt'], /--classes nowhere\.txt: no such file/],
    [() => [run, '--out', out(), '--classes', ' , '], /--classes .*: expected class names, got none/],
    [() => [run, '--out', out(), '--classes', 'cat,cat'], /classes: expected each name once, got cat twice/],
    [() => [run, '--out', out(), '--classes', 'cat', '--templates', 'cat'], /templates: expected \{\}/],
    [() => [run], /required option '--out <folder>' not specified/],
  ])('answers bad input with one sentence and exit code 2: %#', async (args, message) => {
    const { code, out: printed, err } = await promptkd('export', ...args(), '--quiet');
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect([code, printed]).toEqual([2, '']);
  });

  it('names the file and the field of a broken record', async () => {
    const broken = join(run, 'broken');
    await mkdir(broken);
    await saveCheckpoint(join(broken, 'student'), checkpoint);
    await writeFile(join(broken, 'metrics.json'), JSON.stringify({ promptkd: { ...metrics, top1: 61.2 } }));
    const { code, err } = await promptkd('export', broken, '--out', out());
    expect(err).toMatch(/metrics\.json: promptkd\.top1: /);
    expect(code).toBe(2);
  });
});
