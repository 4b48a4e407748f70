// Finished rows of a long benchmark in a file, one JSON object a line: what is there is not measured again.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

export class RowFile {
  /** @param path of the file; its folder is made */
  constructor(path) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
    // A line that was cut off by a crash is measured again.
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
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
