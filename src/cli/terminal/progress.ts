import type { DownloadProgress } from '../../clip/index.js';
import { printable, printableJson } from '../../printable.js';
import type { RunProgress } from '../../train/index.js';
import type { CommonOptions } from '../options.js';
import { coloursOf } from './colours.js';
import { columnsOf, cut, LiveLines } from './live-lines.js';
import { clockTime, Pace } from './pace.js';
import { progressFrame } from './progress-frame.js';
import { wordWrap } from './word-wrap.js';

/** One report from a running job: the part of `RunProgress` that is shown. A new phase starts a new bar. */
export type ProgressUpdate = Pick<
  RunProgress,
  'phase' | 'step' | 'steps' | 'overall' | 'overallSteps' | 'share' | 'losses' | 'imagesPerSecond'
>;

export interface Progress {
  update(update: ProgressUpdate): void;
  /** A line that stays. */
  log(line: string): void;
  /** Ends the report; nothing that is written behind it is touched. Calling it again changes nothing. */
  stop(): void;
}

/** Shows the download of a hub model in megabytes; nothing where nothing is fetched. */
export function showDownload(progress: Progress): (download: DownloadProgress) => void {
  const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);
  return ({ id, done, total }) =>
    progress.update({ phase: `fetching ${id} (MB)`, step: megabytes(done), steps: megabytes(total) });
}

/** What is shown while a model is opened: downloads, and which of a run's models was taken. */
export const showLoading = (progress: Progress) => ({
  onDownload: showDownload(progress),
  onRunModel: (message: string) => progress.log(message),
});

/** Shows how far models are that say captions another way. */
export function showTexts(progress: Progress): (what: string, done: number, total: number) => void {
  return (what, step, steps) => progress.update({ phase: `texts ${what}`, step, steps });
}

const lineSeconds = 10;
/** Milliseconds after which something that is not counted is worth a line. */
const longTime = 2000;
/** Milliseconds between two frames. */
const frameTime = 100;

/**
 * Progress on stderr: bars on a terminal, a line every ten seconds otherwise, JSON lines with `--json`, nothing with
 * `--quiet`.
 */
export function createProgress(options: CommonOptions, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (options.quiet) return { update() {}, log() {}, stop() {} };
  if (options.json) return jsonLines(stream);
  return stream.isTTY && process.env.TERM !== 'dumb' ? onTerminal(stream) : plainLines(stream);
}

function jsonLines(stream: NodeJS.WriteStream): Progress {
  return lines(
    (update) => printableJson(update),
    (message) => printableJson({ message }),
    stream,
  );
}

function plainLines(stream: NodeJS.WriteStream): Progress {
  const pace = new Pace();
  return lines(
    (update) => {
      const left = pace.after(update);
      const { phase, step, steps, losses = {}, imagesPerSecond } = update;
      const parts = [
        steps === 0 ? phase : `${phase} ${step}/${steps}`,
        ...(left.phase && step < steps ? [`${clockTime(left.phase)} left`] : []),
        ...(left.overall && update.overallSteps! > steps ? [`about ${clockTime(left.overall)} in all`] : []),
        ...Object.entries(losses).map(([name, value]) => `${name} ${value.toPrecision(3)}`),
        ...(imagesPerSecond === undefined ? [] : [`${imagesPerSecond.toFixed(0)} images/s`]),
      ];
      return printable(parts.join(' · '));
    },
    (line) => printable(line),
    stream,
  );
}

/** Lines for a file or a program: what is counted at its first and last step and every ten seconds, the rest where it takes long. */
function lines(
  lineOf: (update: ProgressUpdate) => string,
  messageOf: (message: string) => string,
  stream: NodeJS.WriteStream,
): Progress {
  const due = throttle();
  let waiting: NodeJS.Timeout | undefined;
  return {
    update(update) {
      clearTimeout(waiting);
      const line = lineOf(update);
      if (update.steps === 0) waiting = setTimeout(() => stream.write(`${line}\n`), longTime).unref();
      else if (due(update)) stream.write(`${line}\n`);
    },
    log(message) {
      stream.write(`${messageOf(message)}\n`);
    },
    stop: () => clearTimeout(waiting),
  };
}

function onTerminal(stream: NodeJS.WriteStream): Progress {
  const live = new LiveLines(stream);
  const pace = new Pace();
  const colours = coloursOf(stream);
  let last: ProgressUpdate | undefined;
  let drawn = 0;
  const columns = () => columnsOf(stream);
  const draw = () => {
    if (!last) return;
    drawn = performance.now();
    live.show(progressFrame(last, pace.after(last), columns(), colours));
  };
  // What takes long without a step shows that it goes on.
  const clock = setInterval(draw, 1000);
  clock.unref();
  stream.on('resize', draw);
  /** A phase that is over leaves one line. */
  const leave = () => {
    if (!last || last.steps === 0) return;
    const { phase, step, steps } = last;
    const { spent } = pace.after(last);
    const done = step >= steps;
    const what = ` ${step.toLocaleString('en-GB')}${done ? '' : ` of ${steps.toLocaleString('en-GB')}`} in ${clockTime(spent)}`;
    const name = cut(phase, columns() - what.length - 3);
    live.keep([`${done ? colours.green('✓') : colours.yellow('·')} ${name}${colours.dim(what)}`]);
  };
  const over = () => {
    live.clear();
    leave();
    last = undefined;
  };
  return {
    update(update) {
      if (printable(update.phase) !== last?.phase) {
        over();
        drawn = 0;
      }
      last = { ...update, phase: printable(update.phase) };
      pace.after(update);
      if (performance.now() - drawn >= frameTime || update.step >= update.steps) draw();
    },
    log(line) {
      if (last && last.steps > 0 && last.step >= last.steps) over();
      live.keep(wordWrap(printable(line), stream.columns || 80));
    },
    stop() {
      clearInterval(clock);
      stream.off('resize', draw);
      over();
    },
  };
}

/** True for the first and the last step of a phase, and every ten seconds. */
function throttle(): (update: ProgressUpdate) => boolean {
  let phase = '';
  let last = 0;
  return (update) => {
    const now = Date.now();
    const due =
      update.phase !== phase || (update.steps > 0 && update.step >= update.steps) || now - last >= lineSeconds * 1000;
    if (due) [phase, last] = [update.phase, now];
    return due;
  };
}
