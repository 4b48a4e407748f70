import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { saveCheckpoint } from '../../clip/checkpoint/checkpoint.js';
import { recipe, teacher } from '../../test/colours.fixture.js';
import { imageFile, put } from '../../test/images.fixture.js';
import { Terminal } from '../../test/terminal.fixture.js';

const confirming = new URL('../../../dist/cli/terminal/confirm.js', import.meta.url).href;
let folder = '';
const at = (name: string) => join(folder, name);
const distill = (out: string, ...more: string[]) => [
  ...['distill', '--teacher', at('teacher'), '--data', `folder:${at('images')}`, '--recipe', at('recipe.yaml')],
  ...['--threads', '1', '--out', at(out), ...more],
];
/** Soon in a phase that is long enough to be interrupted. */
const long = ['phases.warmup.steps=0', 'phases.joint.steps=100000']
  .flatMap((field) => ['--set', field])
  .concat('--yes');

beforeAll(async () => {
  // Short, so that paths do not wrap.
  folder = await mkdtemp(join(tmpdir(), 'pk-'));
  for (const name of ['red', 'green', 'blue']) {
    for (let i = 0; i < 5; i++) await put(at('images'), `${name}/${i}.png`);
  }
  // Its header is whole: only decoding it shows that it is cut off.
  const image = await imageFile();
  await put(at('images'), 'blue/torn.png', image.subarray(0, image.length - 40));
  await saveCheckpoint(at('teacher'), teacher);
  await writeFile(at('recipe.yaml'), stringify(recipe()));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a terminal of 80 columns', () => {
  it('keeps what distill made: phases, losses, where it is and what to do next', async () => {
    const terminal = new Terminal(distill('a'));
    expect(await terminal.end()).toBe(0);
    const { text } = terminal;
    for (const phase of ['teacher targets 20', 'warmup 4', 'prompt 3', 'joint 5']) expect(text).toContain(`✓ ${phase}`);
    expect(text).toMatch(/loss at the end +total +feature +response/);
    expect(text).toMatch(/parameters, [\d.]+ kB; 72 images seen in \d+ s/);
    expect(text).toContain(`saved to  ${at('a/student')}`);
    expect(text).toContain(`promptkd evaluate ${at('a')} --data`);
    // The recipe is named, not printed; nothing of a bar is left.
    expect(text).toContain(at('a/recipe.yaml'));
    expect(text).not.toMatch(/classes_per_step|━|│/);
    expect(text).toMatch(/1 image could not be read and others stood in for them, the first:\sblue\/torn.png/);
    expect(JSON.parse(await readFile(at('a/run.json'), 'utf8'))).toMatchObject({
      ...{ command: 'distill', state: 'finished', steps: 12, images_seen: 72 },
      skipped: [{ id: 'blue/torn.png' }],
    });
  });

  it('shows a run in lines that fit, also when it gets narrower, and Ctrl-C saves', async () => {
    const terminal = new Terminal(distill('b', ...long));
    await terminal.shows(/joint +━*─* +[\d,]+\/100,000 .*left/);
    await terminal.shows(/all +━*─* +\d+ % .*about .* left/);
    expect(terminal.text).toMatch(/total +feature +response +attention +cross_modal +images\/s/);
    await terminal.resize(50, 20);
    await terminal.shows(/joint.*\n.*all.*\n.*total +feature[^\n]*\n[^\n]*\n *(attention|cross_modal|response)/);
    // A frame that was under way while the terminal changed may stay; more do not pile up.
    await terminal.shows(/^joint +[━─]* +([6-9]\d|[\d,]{3,})\/100,000/m);
    expect(terminal.lines.filter((line) => /^joint/.test(line)).length).toBeLessThanOrEqual(2);
    terminal.press('\x03');
    expect(await terminal.end()).toBe(130);
    expect(terminal.text).toContain('Stopping after this step; press Ctrl-C again to quit at once.');
    expect(terminal.text).toMatch(/interrupted; .* is saved, promptkd resume .* goes on from there$/);
    expect(JSON.parse(await readFile(at('b/run.json'), 'utf8')).state).toBe('stopped');
    expect(existsSync(at('b/run.lock'))).toBe(false);
  });

  it('asks before a run that takes long, and begins nothing at Ctrl-C', async () => {
    const terminal = new Terminal(distill('interrupt', '--set', 'phases.joint.steps=100000000'));
    await terminal.shows(/This takes about \d+ h \d+ min\. Go on\? \[y\/N\]/);
    terminal.press('\x03');
    expect(await terminal.end()).toBe(130);
    expect(terminal.text).toMatch(/nothing was begun; with --yes nothing is asked$/);
    expect(existsSync(at('interrupt'))).toBe(false);
  });

  // The question alone: a distillation that asks it takes seconds to get there.
  it.each([
    ['y\r', true],
    ['n\r', false],
    ['\r', false],
    ['\x03', false],
    ['\x04', false],
  ])('takes %j at a question for %s', async (keys, yes) => {
    const asks = `import { confirm } from '${confirming}'; console.log('heard', await confirm('Go on?'));`;
    const terminal = new Terminal([], { program: ['--input-type=module', '--eval', asks] });
    await terminal.shows(/Go on\? \[y\/N\]/);
    terminal.press(keys);
    expect(await terminal.end()).toBe(0);
    expect(terminal.text).toContain(`heard ${yes}`);
  });

  it('saves on SIGTERM, and tells a second run on the same folder which process has it', async () => {
    const first = new Terminal(distill('c', ...long));
    await first.shows(/joint +[━─]/);
    const second = new Terminal(distill('c', ...long));
    expect(await second.end()).toBe(2);
    expect(second.text.replaceAll('\n', ' ')).toMatch(/a run is under way in this folder \(process \d+\)/);
    first.kill('SIGTERM');
    expect(await first.end()).toBe(143);
    expect(existsSync(at('c/phase-joint/state.safetensors'))).toBe(true);
  });

  it('keeps what evaluate and data inspect found', async () => {
    const evaluate = new Terminal(['evaluate', at('teacher'), '--data', `folder:${at('images')}`, '--split', 'train']);
    expect(await evaluate.end()).toBe(0);
    expect(evaluate.text).toMatch(/size/);
    expect(evaluate.text).toMatch(/latency/);
    expect(evaluate.lines.filter((line) => line.length > 80 && !line.startsWith('skipped'))).toEqual([]);
    const inspect = new Terminal(['data', 'inspect', `folder:${at('images')}`]);
    await inspect.end();
    expect(inspect.text).toMatch(/cannot be decoded/);
  });
});
