import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { readJsonAsSync, writeFileAtomic } from '../files/index.js';
import type { RunProgress } from '../train/index.js';
import { flatRecipe } from './recipe-differences.js';

/** Options of {@link MlflowLog}. */
export interface MlflowOptions {
  /** Of the tracking server, without name and password: those are read from MLflow's own environment variables. */
  readonly url: string;
  readonly runDir: string;
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Told once where the server cannot be reached or refuses; the run goes on without it. */
  readonly onMessage?: (message: string) => void;
}

/** How a run ended, in MLflow's words. */
export type MlflowStatus = 'FINISHED' | 'FAILED' | 'KILLED';

interface Metric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

/** Limits of `runs/log-batch`, and of a parameter's value in older servers. */
const limits = { metrics: 1000, params: 100, value: 500 } as const;
const experiment = 'promptkd';
const requestTime = 10_000;
/** Longest wait for what is left, when a run is over. */
const endTime = 15_000;

const known = z.object({ url: z.string(), run_id: z.string(), last_step: z.int() });
const found = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const made = z.object({ experiment_id: z.string() });
const started = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) });

/**
 * Sends a run's numbers to an MLflow tracking server by its REST interface (`/api/2.0/mlflow`), in the background: a run
 * never waits for it while it trains, nor fails by it. A run that goes on stays one run there, by `mlflow.json` in its
 * folder; steps that are trained again are not sent twice.
 */
export class MlflowLog {
  private pending: Metric[] = [];
  private work: Promise<void>;
  private busy = false;
  private failed = false;
  private runId = '';
  private lastStep = 0;

  constructor(private readonly options: MlflowOptions) {
    this.work = this.guarded(() => this.begin());
  }

  /** Notes a step of training. */
  step({ overall, losses, learningRate, gradientNorm, imagesPerSecond, evaluation }: RunProgress): void {
    if (this.failed || overall === undefined || overall <= this.lastStep) return;
    const measured = Object.entries(evaluation ?? {}).filter(([name]) => name !== 'images' && name !== 'split');
    const values = {
      ...named('loss', Object.entries(losses ?? {})),
      ...named('evaluation', measured),
      ...named('training', [
        ['learning_rate', learningRate],
        ['gradient_norm', gradientNorm],
        ['images_per_second', imagesPerSecond],
      ]),
    };
    const timestamp = Date.now();
    for (const [key, value] of Object.entries(values)) {
      if (typeof value === 'number' && Number.isFinite(value))
        this.pending.push({ key, value, timestamp, step: overall });
    }
    this.lastStep = overall;
    if (this.busy) return;
    this.busy = true;
    this.work = this.work
      .then(() => this.guarded(() => this.send()))
      .finally(() => {
        this.busy = false;
      });
  }

  /** Sends what is left and says how the run ended; waits some seconds at most. */
  async end(status: MlflowStatus): Promise<void> {
    const rest = this.work
      .then(() => this.guarded(() => this.send()))
      .then(() => this.guarded(() => this.update({ status, end_time: Date.now() })));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => {
      timer = setTimeout(done, endTime);
    });
    await Promise.race([rest, late]);
    clearTimeout(timer);
  }

  private async begin(): Promise<void> {
    const { url, runDir, recipe } = this.options;
    const before = this.readKnown();
    if (before && before.url === url) {
      this.runId = before.run_id;
      this.lastStep = Math.max(this.lastStep, before.last_step);
      this.pending = this.pending.filter(({ step }) => step > before.last_step);
      await this.update({ status: 'RUNNING' });
      return;
    }
    const name = basename(resolve(runDir));
    const body = { experiment_id: await this.experimentId(), run_name: name, start_time: Date.now() };
    const tags = [{ key: 'mlflow.runName', value: name }];
    this.runId = started.parse(await this.post('runs/create', { ...body, tags })).run.info.run_id;
    const params = [...flatRecipe(recipe)].map(([key, value]) => ({ key, value: value.slice(0, limits.value) }));
    for (let from = 0; from < params.length; from += limits.params) {
      await this.post('runs/log-batch', { run_id: this.runId, params: params.slice(from, from + limits.params) });
    }
    await this.keep(0);
  }

  private async experimentId(): Promise<string> {
    const query = `experiments/get-by-name?experiment_name=${experiment}`;
    const answer = await this.request(query, { method: 'GET' });
    if (answer.status !== 404) return found.parse(await jsonOf(answer, query)).experiment.experiment_id;
    await answer.arrayBuffer();
    return made.parse(await this.post('experiments/create', { name: experiment })).experiment_id;
  }

  private async send(): Promise<void> {
    while (this.pending.length > 0) {
      const metrics = this.pending.splice(0, limits.metrics);
      await this.post('runs/log-batch', { run_id: this.runId, metrics });
      await this.keep(metrics.at(-1)!.step);
    }
  }

  private update(fields: object): Promise<unknown> {
    return this.post('runs/update', { run_id: this.runId, ...fields });
  }

  private async post(path: string, body: object): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return jsonOf(await this.request(path, { method: 'POST', headers, body: JSON.stringify(body) }), path);
  }

  private request(path: string, init: RequestInit): Promise<Response> {
    const base = this.options.url.replace(/\/+$/, '');
    const headers = { ...init.headers, ...authorization() };
    return fetch(`${base}/api/2.0/mlflow/${path}`, { ...init, headers, signal: AbortSignal.timeout(requestTime) });
  }

  /** Does something with the server; where that fails it is said once, and nothing is sent any more. */
  private async guarded(work: () => Promise<unknown>): Promise<void> {
    if (this.failed) return;
    try {
      await work();
    } catch (error) {
      this.failed = true;
      this.pending = [];
      const { message, cause } = error as Error & { cause?: Error };
      this.options.onMessage?.(
        `mlflow ${this.options.url}: ${cause?.message || message}; the run goes on without it, and its numbers stay in history.jsonl`,
      );
    }
  }

  private keep(lastStep: number): Promise<void> {
    const state = { url: this.options.url, run_id: this.runId, last_step: lastStep };
    return writeFileAtomic(this.file, `${JSON.stringify(state)}\n`);
  }

  private readKnown(): z.infer<typeof known> | undefined {
    return existsSync(this.file) ? readJsonAsSync(this.file, known) : undefined;
  }

  private get file(): string {
    return join(this.options.runDir, 'mlflow.json');
  }
}

const named = (prefix: string, values: readonly (readonly [string, unknown])[]) =>
  Object.fromEntries(values.map(([name, value]) => [`${prefix}/${name}`, value]));

/** Who asks, by the variables that MLflow's own clients read. */
function authorization(): { readonly authorization?: string } {
  const {
    MLFLOW_TRACKING_USERNAME: name,
    MLFLOW_TRACKING_PASSWORD: word = '',
    MLFLOW_TRACKING_TOKEN: token,
  } = process.env;
  if (name) return { authorization: `Basic ${Buffer.from(`${name}:${word}`).toString('base64')}` };
  return token ? { authorization: `Bearer ${token}` } : {};
}

async function jsonOf(answer: Response, path: string): Promise<unknown> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path.split('?')[0]} answered ${answer.status}: ${text.slice(0, 200)}`);
  return text === '' ? {} : JSON.parse(text);
}
