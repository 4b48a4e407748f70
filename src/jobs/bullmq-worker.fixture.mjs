// A worker of the tests, as a process that can be killed: `node bullmq-worker.fixture.mjs FOLDER REDIS COMMAND…`.
import { readJobSet, workOnBullmq } from '../../dist/jobs/index.js';

const [folder, redis, ...command] = process.argv.slice(2);
await workOnBullmq(await readJobSet(folder), { redis, command, backoffMs: 10, lockMs: 1000 });
