// A job of the tests: `node job.fixture.mjs FOLDER I/N MS`. It takes so long, and says in FOLDER/completed that it ended, once,
// as a command that passes over what is there; one whose number another process is at ends with code 75. As the command
// line does, it ends with its supervisor.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const [folder, shard, ms] = process.argv.slice(2);
const number = shard.split('/')[0];
process.stdin
  .resume()
  .once('close', () => process.exit(143))
  .unref();
const running = join(folder, `running-${number}`);
if (existsSync(running) && runs(Number(readFileSync(running, 'utf8')))) process.exit(75);
writeFileSync(running, String(process.pid));
if (existsSync(join(folder, `busy-${number}`))) {
  rmSync(join(folder, `busy-${number}`));
  process.exit(75);
}
if (existsSync(join(folder, `bad-${number}`))) {
  process.stderr.write(`promptkd: ${number} is bad input\n`);
  process.exit(2);
}
await wait(Number(ms));
const completed = join(folder, 'completed');
const isThere = existsSync(completed) && readFileSync(completed, 'utf8').split('\n').includes(number);
if (!isThere) appendFileSync(completed, `${number}\n`);
rmSync(running);
process.stdout.write(`${JSON.stringify({ number: Number(number) })}\n`);

function runs(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
