import cliProgress, { type SingleBar } from 'cli-progress';
import type { DownloadProgress } from '../clip/index.js';
import type { CommonOptions } from './options.js';
import { printable, printableJson } from './printable.js';

/** One report from a running job. */
export interface ProgressUpdate {
  /** What is running, e.g. "PromptKD · prompts". A new name starts a new bar. */
  readonly phase: string;
  /** Steps done, and of how many. */
  readonly step: number;
  readonly steps: number;
  readonly losses?: Readonly<Record<string, number>>;
  readonly imagesPerSecond?: number;
}

export interface Progress {
  update(update: ProgressUpdate): void;
  /** A line that stays. */
  log(line: string): void;
  stop(): void;
}

/** Shows the download of a hub model in megabytes; nothing where nothing is fetched. */
export function showDownload(progress: Progress): (download: DownloadProgress) => void {
  const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);
  return ({ id, done, total }) =>
    progress.update({ phase: `fetching ${id} (MB)`, step: megabytes(done), steps: megabytes(total) });
}

/** Shows how far models are that say captions another way. */
export function showTexts(progress: Progress): (what: string, done: number, total: number) => void {
  return (what, step, steps) => progress.update({ phase: `texts ${what}`, step, steps });
}

const lineSeconds = 10;

/**
 * Progress on stderr: a bar on a terminal, a line every ten seconds otherwise, JSON lines with `--json`, nothing with
 * `--quiet`.
 */
export function createProgress(options: CommonOptions, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (options.quiet) return { update() {}, log() {}, stop() {} };
  if (options.json) return jsonLines(stream);
  return stream.isTTY ? bar(stream) : plainLines(stream);
}

function jsonLines(stream: NodeJS.WriteStream): Progress {
  const due = throttle();
  return {
    update: (update) => void (due(update) && stream.write(`${printableJson(update)}\n`)),
    log: (message) => void stream.write(`${printableJson({ message })}\n`),
    stop() {},
  };
}

function plainLines(stream: NodeJS.WriteStream): Progress {
  const due = throttle();
  const clock = etaClock();
  return {
    update(update) {
      const eta = clock(update);
      if (!due(update)) return;
      stream.write(
        `${printable(update.phase)} ${update.step}/${update.steps}${eta ? ` · ${eta} left` : ''}${figures(update)}\n`,
      );
    },
    log: (line) => void stream.write(`${printable(line)}\n`),
    stop() {},
  };
}

function bar(stream: NodeJS.WriteStream): Progress {
  const bars = new cliProgress.MultiBar({
    stream,
    hideCursor: true,
    // Ctrl-C is ours: a run saves before it ends.
    gracefulExit: false,
    emptyOnZero: true,
    forceRedraw: true,
    format: (settings, params, payload) =>
      `${payload.phase} ${cliProgress.Format.BarFormat(params.progress, { ...settings, barsize: 24 })} ${params.value}/${params.total}${payload.eta}${payload.figures}`,
    barCompleteChar: '━',
    barIncompleteChar: '─',
  });
  const clock = etaClock();
  let current: { bar: SingleBar; phase: string } | undefined;
  return {
    update(update) {
      const eta = clock(update);
      const payload = { phase: printable(update.phase), eta: eta ? ` · ${eta} left` : '', figures: figures(update) };
      if (current?.phase !== update.phase)
        current = { bar: bars.create(update.steps, update.step, payload), phase: update.phase };
      current.bar.setTotal(update.steps);
      current.bar.update(update.step, payload);
    },
    log: (line) => bars.log(`${printable(line)}\n`),
    stop: () => bars.stop(),
  };
}

/** True for the first and the last step of a phase, and every ten seconds. */
function throttle(): (update: ProgressUpdate) => boolean {
  let phase = '';
  let last = 0;
  return (update) => {
    const now = Date.now();
    const due = update.phase !== phase || update.step >= update.steps || now - last >= lineSeconds * 1000;
    if (due) [phase, last] = [update.phase, now];
    return due;
  };
}

/** Time left in the phase at the pace of this process's own steps: a resumed run did not do the first ones. */
function etaClock(now = () => Date.now()): (update: ProgressUpdate) => string {
  let phase = '';
  let start = 0;
  let first = 0;
  return ({ phase: name, step, steps }) => {
    if (name !== phase) [phase, start, first] = [name, now(), step];
    if (step <= first || step >= steps) return '';
    return clockTime(((now() - start) / 1000 / (step - first)) * (steps - step));
  };
}

function figures({ losses = {}, imagesPerSecond }: ProgressUpdate): string {
  const shown = Object.entries(losses).map(([name, value]) => `${name} ${value.toPrecision(3)}`);
  if (imagesPerSecond !== undefined) shown.push(`${imagesPerSecond.toFixed(0)} images/s`);
  return shown.length > 0 ? ` · ${shown.join(' · ')}` : '';
}

/** 431 → "7:11", 4310 → "1:11:50". */
export function clockTime(seconds: number): string {
  const total = Math.round(seconds);
  const parts = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return (parts[0] ? parts : parts.slice(1)).map((n, i) => (i ? String(n).padStart(2, '0') : String(n))).join(':');
}
