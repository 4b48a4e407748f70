/**
 * Loaded before a program (`node --import ./kill-at.mjs?at=7 …`): kills its process, as a power cut would, at the seventh of
 * the calls that bring something to the disk. A write that is hit has written half of its bytes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

let left = Number(new URL(import.meta.url).searchParams.get('at'));

const hit = () => --left === 0;
const end = () => process.kill(process.pid, 'SIGKILL');

for (const [where, names] of [
  [fs.promises, ['rename', 'link', 'rm', 'mkdir']],
  [fs, ['rmSync', 'renameSync']],
]) {
  for (const name of names) {
    const real = where[name];
    where[name] = (...given) => {
      if (hit()) end();
      return real(...given);
    };
  }
}

const append = fs.appendFileSync;
fs.appendFileSync = (path, text, ...rest) => {
  if (hit()) {
    append(path, text.slice(0, text.length >> 1), ...rest);
    end();
  }
  return append(path, text, ...rest);
};

const handle = await fs.promises.open(new URL(import.meta.url.replace(/\?.*/, '')));
const kind = Object.getPrototypeOf(handle);
await handle.close();
const { sync, writeFile } = kind;
kind.sync = function () {
  if (hit()) end();
  return sync.call(this);
};
kind.writeFile = async function (content, ...rest) {
  if (!hit()) return writeFile.call(this, content, ...rest);
  await writeFile.call(this, content.slice(0, content.length >> 1), ...rest);
  end();
};
syncBuiltinESMExports();
