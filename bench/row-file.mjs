// Finished rows of a long benchmark in a file, one JSON object a line: what is there is not measured again.
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';

export class RowFile {
  /** @param path of the file; its folder is made */
  constructor(path) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    // A line that was cut off by a crash is measured again, and no row is written behind it.
    if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
    const lines = whole.split('\n').slice(0, -1);
    this.rows = lines.map((line) => JSON.parse(line));
  }

  /** The row of a key; undefined where it was not measured. */
  of(key) {
    return this.rows.find((row) => row.key === key);
  }

  /** The row of a key, measured now where it is not there. @param measure gives its figures */
  async measured(key, measure) {
    const known = this.of(key);
    if (known) return known;
    const [start, before] = [performance.now(), process.cpuUsage()];
    const figures = await measure();
    const { user, system } = process.cpuUsage(before);
    // Seconds of the processor say something on a busy machine too.
    const cost = {
      seconds: Math.round((performance.now() - start) / 1000),
      cpu_seconds: Math.round((user + system) / 1e6),
    };
    const row = { key, ...figures, ...cost };
    appendFileSync(this.path, `${JSON.stringify(row)}\n`);
    this.rows.push(row);
    return row;
  }
}
