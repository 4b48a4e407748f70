// The guide's way from a folder of photos to a page, timed: each command as a process of its own, with its wall clock and its
// processor time. Photos are made (class-photos.mjs), so the teacher is one that knows what stands on them. Prints a Markdown table.
//
//   npm run build && node bench/journey.mjs [--folder runs/journey] [--images 1000] [--pixels 32] [--preset quick] [--json]
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeClassPhotos } from './class-photos.mjs';
import { readOptions } from './options.mjs';

const values = readOptions({ folder: 'runs/journey', images: '1000', pixels: undefined, preset: 'quick' });
const at = (name) => join(values.folder, name);
const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const program = here('dist/cli/main.js');
const photos = at(['photos', values.images, ...(values.pixels ? [values.pixels] : [])].join('-'));

await makeClassPhotos(photos, { all: Number(values.images), pixels: values.pixels && Number(values.pixels) });
for (const made of ['run', 'small', 'exported', 'page']) rmSync(at(made), { recursive: true, force: true });

const data = ['--data', `folder:${photos}`];
const teacher = here('models/emoji-pairs-teacher');
const commands = [
  ['data', 'inspect', `folder:${photos}`, '--sheet', at('sheet.png')],
  ['evaluate', teacher, ...data],
  ['distill', '--teacher', teacher, ...data, '--preset', values.preset, '--out', at('run'), '--plan'],
  ['distill', '--teacher', teacher, ...data, '--preset', values.preset, '--out', at('run'), '--yes'],
  ['evaluate', at('run'), ...data],
  ['quantize', at('run'), '--out', at('small'), ...data],
  ['export', at('run'), '--out', at('exported'), '--classes', 'airplane, bicycle, bird, bus, cat'],
  ['web', at('exported'), '--out', at('page')],
];
const rows = [];
for (const words of commands) {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', 'TIMEFORMAT="cpu %U %S"; time "$@"', 'bash', process.execPath, program, ...words],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (status !== 0) {
    console.error(stderr.slice(-2000));
    process.exit(1);
  }
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
  const row = {
    command: words.slice(0, words[0] === 'data' ? 2 : 1).join(' ') + (words.includes('--plan') ? ' --plan' : ''),
    seconds: (performance.now() - began) / 1000,
    cpu: Number(user) + Number(system),
    // `quantize` tells that of its calibration images.
    top1: words[0] === 'quantize' ? undefined : /top-1 +([\d.]+) %/.exec(stdout)?.[1],
  };
  rows.push(row);
  if (values.json) console.log(JSON.stringify(row));
  else console.error(JSON.stringify(row));
}
if (!values.json) {
  console.log('| command | wall clock | processor | top-1 |\n|---|---:|---:|---:|');
  for (const { command, seconds, cpu, top1 } of rows)
    console.log(`| \`${command}\` | ${seconds.toFixed(0)} s | ${cpu.toFixed(0)} s | ${top1 ? `${top1} %` : ''} |`);
  const bytes = (folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .reduce((sum, one) => sum + statSync(join(one.parentPath, one.name)).size, 0);
  for (const made of ['run', 'exported', 'page'])
    if (existsSync(at(made))) console.log(`${made}: ${(bytes(at(made)) / 1e6).toFixed(1)} MB`);
}
