/**
 * Looks over a program's calls that bring something to the disk (loaded before it: `node --import`). Writes that are hit are done
 * in halves, so that what is done between them sees a torn file.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/**
 * @param {() => boolean} hit whether something is to be done at this call
 * @param {() => void} act what is done: before a call, or in the middle of a write
 */
export async function onDiskCalls(hit, act) {
  for (const [where, names] of [
    [fs.promises, ['rename', 'link', 'symlink', 'rm', 'mkdir']],
    [fs, ['rmSync', 'renameSync']],
  ]) {
    for (const name of names) {
      const real = where[name];
      where[name] = (...given) => {
        if (hit()) act();
        return real(...given);
      };
    }
  }
  const append = fs.appendFileSync;
  fs.appendFileSync = (path, content, ...rest) => {
    if (!hit()) return append(path, content, ...rest);
    append(path, content.slice(0, content.length >> 1), ...rest);
    act();
    append(path, content.slice(content.length >> 1), ...rest);
  };
  const handle = await fs.promises.open(new URL(import.meta.url));
  const kind = Object.getPrototypeOf(handle);
  await handle.close();
  const { sync, writeFile } = kind;
  kind.sync = function () {
    if (hit()) act();
    return sync.call(this);
  };
  /** Parts written so far. Of a file of hundreds of them the first, second, fourth, … are looked at. */
  const parts = new WeakMap();
  kind.writeFile = async function (content, ...rest) {
    const part = (parts.get(this) ?? 0) + 1;
    parts.set(this, part);
    if ((part & (part - 1)) !== 0 || !hit()) return writeFile.call(this, content, ...rest);
    await writeFile.call(this, content.slice(0, content.length >> 1), ...rest);
    act();
    return writeFile.call(this, content.slice(content.length >> 1), ...rest);
  };
  for (const name of ['writeFile', 'appendFile']) {
    const real = fs.promises[name];
    fs.promises[name] = async (path, content, options) => {
      // A handle's own method has been looked at.
      if (typeof path !== 'string' || !hit()) return real(path, content, options);
      const flag = typeof options === 'object' ? options?.flag : undefined;
      await real(path, content.slice(0, content.length >> 1), options);
      act();
      if (name === 'appendFile') return real(path, content.slice(content.length >> 1), options);
      return real(path, content, {
        ...(typeof options === 'object' ? options : { encoding: options }),
        flag: flag === 'wx' ? 'w' : flag,
      });
    };
  }
  syncBuiltinESMExports();
}
