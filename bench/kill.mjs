// Kills every command that saves something, at each of its calls that bring something to the disk (renames, syncs, writes), and
// checks that the next call ends with the same bits and leaves nothing behind. On tiny models and images that it makes itself.
//
//   npm run -s build && node bench/kill.mjs [--stride 1] [--only distill,export]
//
// Prints a JSON object a command: how often it was killed, and what differed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

const { values } = parseArgs({ options: { stride: { type: 'string', default: '1' }, only: { type: 'string' } } });
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const main = path('../dist/cli/main.js');
const killer = new URL('../src/test/kill-at.mjs', import.meta.url).href;
const root = mkdtempSync(join(tmpdir(), 'promptkd-kill-'));
const at = (...parts) => join(root, ...parts);

/** Of all that a command leaves, what may differ from run to run: times, and where it ran. */
const varies =
  /(^|\/)(run\.json|history\.jsonl|log\.jsonl|training\.json|state\.safetensors|metrics\.json|recipe\.yaml|checksums\.json|README\.md)$|tensorboard/;

const tower = '{ hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 }';
const tiny = [
  `model.vision={ image_size: 16, patch_size: 8, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2 }`,
  `model.text={ hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 16, vocab_size: 520 }`,
  ...['model.projection_dim=12', 'steps=3', 'batch=6', 'checkpoint_every=1', 'evaluation.every=0'],
];
const student = [
  ...[`student.vision=${tower}`, `student.text=${tower}`, 'prompts={ width: 8, heads: 2, intermediate_size: 16 }'],
  ...['phases={ warmup: { steps: 1 }, prompt: { steps: 1 }, joint: { steps: 2 } }', 'batch=6', 'views=1'],
  'checkpoint_every=1',
];
const set = (fields) => fields.flatMap((field) => ['--set', field]);

try {
  for (const [i, colour] of ['#c02020', '#20c020', '#2020c0'].entries()) {
    mkdirSync(at('images', `class${i}`), { recursive: true });
    for (let n = 0; n < 10; n++) {
      const image = sharp({ create: { width: 20 + n, height: 20, channels: 3, background: colour } });
      await image.png().toFile(at('images', `class${i}`, `${n}.png`));
    }
  }
  const data = ['--data', `folder:${at('images')}`];
  run(['pretrain', ...data, '--out', at('teacher-run'), '--yes', '--quiet', ...set(tiny)]);
  const teacher = at('teacher-run', 'model');
  const distilling = ['distill', '--teacher', teacher, ...data, '--yes', '--quiet', ...set(student)];
  run([...distilling, '--out', at('student-run')]);
  const made = at('student-run', 'student');
  const commands = {
    pretrain: (out) => ['pretrain', ...data, '--out', out, '--yes', '--quiet', ...set(tiny)],
    distill: (out) => [...distilling, '--out', out],
    'tune-prompts': (out) => [
      'tune-prompts',
      teacher,
      ...data,
      '--out',
      out,
      '--yes',
      '--quiet',
      ...set(['steps=3', 'batch=6']),
    ],
    export: (out) => ['export', made, '--out', out, '--classes', 'a,b'],
    quantize: (out) => ['quantize', made, '--out', out, ...data, '--quiet', '--smaller', '2', '--tune', '2'],
  };
  for (const name of values.only?.split(',') ?? Object.keys(commands)) report(name, commands[name]);
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** Kills a command at each call, over and over in the folder that the one before has left, until it ends by itself. */
function report(name, command) {
  run(command(at('whole')));
  const expected = sums(at('whole'));
  let kills = 0;
  for (let n = 1; ; n += Number(values.stride)) {
    const { status, signal, stderr } = run(command(at('killed')), n);
    if (signal === 'SIGKILL') kills++;
    else if (status === 0) break;
    else throw new Error(`${name}, killed ${kills} times, before call ${n}: exit ${status}: ${stderr}`);
  }
  const found = sums(at('killed'));
  const differ = Object.keys({ ...expected, ...found }).filter((file) => expected[file] !== found[file]);
  console.log(JSON.stringify({ command: name, kills, files: Object.keys(expected).length, differ }));
  if (differ.length > 0) {
    process.exitCode = 1;
    cpSync(at('killed'), join(tmpdir(), `promptkd-killed-${name}`), { recursive: true });
  }
  for (const folder of ['whole', 'killed']) rmSync(at(folder), { recursive: true, force: true });
}

function run(args, kill = 0) {
  const given = kill ? ['--import', `${killer}?at=${kill}`] : [];
  const env = { ...process.env, PROMPTKD_CACHE: at('cache') };
  const ended = spawnSync(process.execPath, [...given, main, ...args], { encoding: 'utf8', env });
  if (!kill && ended.status !== 0) throw new Error(`promptkd ${args.join(' ')}: ${ended.stderr}`);
  return ended;
}

/** Checksums of the files below a folder, but of those that vary. */
function sums(folder) {
  const found = {};
  for (const file of existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : []) {
    const whole = join(folder, file);
    if (varies.test(file) || !statSync(whole).isFile()) continue;
    found[file] = createHash('sha256').update(readFileSync(whole)).digest('hex');
  }
  return found;
}
