import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MlflowLog } from './mlflow.js';

interface Request {
  readonly path: string;
  readonly method: string;
  readonly body: Record<string, unknown>;
  readonly authorization?: string;
}

let server: Server;
let url = '';
let runDir = '';
let requests: Request[] = [];
let fails = false;

/** What MLflow's REST documentation says of each request, as far as it is used. */
function answer({ path, method, body }: Request): [number, unknown] {
  const is = (name: string, by = 'POST') => path.split('?')[0] === `/api/2.0/mlflow/${name}` && method === by;
  if (is('experiments/get-by-name', 'GET')) return [404, { error_code: 'RESOURCE_DOES_NOT_EXIST' }];
  if (is('experiments/create') && typeof body.name === 'string') return [200, { experiment_id: '7' }];
  if (is('runs/create') && body.experiment_id === '7') return [200, { run: { info: { run_id: 'abc' }, data: {} } }];
  if (body.run_id !== 'abc') return [400, { error_code: 'INVALID_PARAMETER_VALUE' }];
  if (is('runs/update') && ['RUNNING', 'FINISHED', 'FAILED', 'KILLED'].includes(String(body.status))) return [200, {}];
  if (!is('runs/log-batch')) return [404, { error_code: 'ENDPOINT_NOT_FOUND' }];
  const metrics = (body.metrics ?? []) as { key: string; value: number; timestamp: number; step: number }[];
  const params = (body.params ?? []) as { key: string; value: string }[];
  const good =
    metrics.every(({ value, timestamp, step }) => [value, timestamp, step].every(Number.isFinite)) &&
    [...metrics, ...params].every(({ key }) => /^[/\w.\- ]+$/.test(key)) &&
    params.every(({ value }) => typeof value === 'string' && value.length <= 500);
  return good && metrics.length <= 1000 && params.length <= 100 ? [200, {}] : [400, { error_code: 'BAD_REQUEST' }];
}

beforeEach(async () => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-mlflow-'));
  [requests, fails] = [[], false];
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const { authorization } = request.headers;
      const one = { path: request.url!, method: request.method!, body: text ? JSON.parse(text) : {}, authorization };
      requests.push(one);
      const [status, body] = fails ? [500, 'down'] : answer(one);
      response.writeHead(status as number, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  rmSync(runDir, { recursive: true });
  await new Promise((done) => server.close(done));
});

const open = (said: string[], to = url) => {
  const recipe = { batch: 8, phases: { joint: { lr: 1e-3 } }, texts: 'x'.repeat(900) };
  return new MlflowLog({ url: to, runDir, recipe, onMessage: (message) => said.push(message) });
};
const step = (overall: number) => ({
  ...{ phase: 'joint', step: overall, steps: 9, overall, losses: { total: 1 / overall }, learningRate: 0.1 },
  ...{ gradientNorm: overall === 2 ? Number.POSITIVE_INFINITY : 1, imagesPerSecond: 9 },
  ...(overall === 3 && { evaluation: { split: 'val', images: 8, top1: 0.5 } }),
});
const metrics = () =>
  requests.flatMap(({ body }) => (body.metrics ?? []) as { key: string; value: number; step: number }[]);

it('makes experiment and run, sends recipe and steps, ends it, and goes on with the same run', async () => {
  const said: string[] = [];
  const first = open(said);
  for (const one of [1, 2, 3]) first.step(step(one));
  await first.end('KILLED');
  const second = open(said);
  // Trained again from the last saved state on: step 3 is there already.
  for (const one of [3, 4]) second.step(step(one));
  await second.end('FINISHED');
  expect(said).toEqual([]);
  const params = requests.flatMap(({ body }) => (body.params ?? []) as { key: string; value: string }[]);
  expect(params.slice(0, 2)).toEqual([
    { key: 'batch', value: '8' },
    { key: 'phases.joint.lr', value: '0.001' },
  ]);
  expect(requests.filter(({ path }) => path.endsWith('runs/create'))).toHaveLength(1);
  const status = requests.filter(({ path }) => path.endsWith('runs/update')).map(({ body }) => body.status);
  expect(status).toEqual(['KILLED', 'RUNNING', 'FINISHED']);
  expect(
    metrics()
      .filter(({ key }) => key === 'loss/total')
      .map(({ step: at }) => at),
  ).toEqual([1, 2, 3, 4]);
  expect(
    metrics()
      .filter(({ key }) => key === 'training/gradient_norm')
      .map(({ step: at }) => at),
  ).toEqual([1, 3, 4]);
  expect(metrics().find(({ key }) => key === 'evaluation/top1')).toMatchObject({ step: 3, value: 0.5 });
});

it('says once that the server fails, or is not there, and lets the run go on', async () => {
  const said: string[] = [];
  fails = true;
  const refused = open(said);
  for (const one of [1, 2]) refused.step(step(one));
  await refused.end('FINISHED');
  expect(said).toEqual([
    expect.stringMatching(/^mlflow http:.*get-by-name answered 500: "down"; the run goes on without it/),
  ]);
  const nowhere = open(said, 'http://127.0.0.1:9');
  nowhere.step(step(1));
  await nowhere.end('FINISHED');
  expect(said[1]).toContain('mlflow http://127.0.0.1:9: ');
  expect(said).toHaveLength(2);
});

it.each([
  [
    'a name and a password',
    { MLFLOW_TRACKING_USERNAME: 'ann', MLFLOW_TRACKING_PASSWORD: 'p@ss' },
    'Basic YW5uOnBAc3M=',
  ],
  ['a token', { MLFLOW_TRACKING_TOKEN: 'secret' }, 'Bearer secret'],
])('says who asks by %s of the environment', async (_, variables, expected) => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const said: string[] = [];
  const log = open(said);
  log.step(step(1));
  await log.end('FINISHED');
  vi.unstubAllEnvs();
  expect(said).toEqual([]);
  expect(new Set(requests.map(({ authorization }) => authorization))).toEqual(new Set([expected]));
});
