import { createHash } from 'node:crypto';
import { cpSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { variesAlways } from './commands.mjs';
import { inThisProcess } from './in-this-process.mjs';

/** A command that has done its work before it was killed may say that there is none left, where all is as it should be. */
const refused = 2;

/**
 * Gives a command again on each state of its folder that a killed process left, and compares what it leaves with what it left where
 * nobody killed it.
 *
 * @param {{ work: string, states: string[], args: string[], varies?: RegExp, most: number }} killed `work` as the whole command left it
 */
export async function goOn({ work, states, args, varies, most }) {
  const expected = sums(work, varies ?? /$^/);
  const different = [];
  let last = '';
  for (const state of states) {
    const now = JSON.stringify(sums(state));
    if (now !== last) different.push(state);
    last = now;
  }
  const step = Math.max(1, different.length / most);
  const wrong = [];
  let tried = 0;
  for (let i = 0; i < different.length; i += step) {
    const state = different[Math.floor(i)];
    rmSync(work, { recursive: true, force: true });
    cpSync(state, work, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    const { code, said } = await inThisProcess(args);
    tried++;
    const found = sums(work, varies ?? /$^/);
    const differ = Object.keys({ ...expected, ...found }).filter((file) => expected[file] !== found[file]);
    if ((code !== 0 && code !== refused) || differ.length > 0)
      wrong.push({ state, code, said: said.slice(0, 300), differ });
  }
  return { states: different.length, tried, wrong };
}

/** Checksums of the files below a folder; of those that vary it counts that they are there. */
function sums(folder, varies) {
  const found = {};
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const whole = join(folder, file);
    const info = lstatSync(whole);
    if (info.isDirectory()) continue;
    if (/tfevents/.test(file) && varies !== undefined) continue;
    if (varies !== undefined && (variesAlways.test(file) || varies.test(file))) found[file] = 'there';
    else if (info.isSymbolicLink()) found[file] = readlinkSync(whole);
    else found[file] = createHash('sha256').update(contentOf(whole)).digest('hex');
  }
  return found;
}

/** Of a file, but of JSON without its times. */
function contentOf(file) {
  const bytes = readFileSync(file);
  if (!file.endsWith('.json')) return bytes;
  try {
    return JSON.stringify(JSON.parse(bytes.toString()), (name, value) => (isTime.test(name) ? undefined : value));
  } catch {
    return bytes; // cut off in the middle
  }
}

const isTime = /seconds?$|(^|_)ms$|^(started|ended|host|pid|date|images_per_second)$/;
