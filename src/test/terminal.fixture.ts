import { fileURLToPath } from 'node:url';
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Milliseconds that something may take to be seen on a busy machine. */
const patience = 100_000;

/** A `promptkd` command in a real pseudo-terminal, and the screen that a person sees of it. */
export class Terminal {
  private readonly screenOf: InstanceType<typeof xterm.Terminal>;
  private readonly process: pty.IPty;
  private written = Promise.resolve();
  private readonly waiting = new Set<() => void>();
  private code: number | undefined;

  constructor(args: readonly string[], options: TerminalOptions = {}) {
    const { columns = 80, rows = 24, env = {}, program = [main] } = options;
    this.screenOf = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true });
    this.process = pty.spawn(process.execPath, [...program, ...args], {
      cols: columns,
      rows,
      env: { ...process.env, TERM: 'xterm-256color', ...env },
    });
    this.process.onData((data) => {
      this.written = new Promise((resolve) => this.screenOf.write(data, resolve));
      void this.written.then(() => this.look());
    });
    this.process.onExit(({ exitCode }) => {
      this.code = exitCode;
      void this.written.then(() => this.look());
    });
  }

  /** All lines, what has scrolled away included; rows that were wrapped are joined. */
  get lines(): string[] {
    const { active } = this.screenOf.buffer;
    const lines: string[] = [];
    for (let i = 0; i < active.length; i++) {
      const row = active.getLine(i)!;
      const text = row.translateToString(true);
      if (row.isWrapped) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines;
  }

  get text(): string {
    return this.lines.join('\n').trimEnd();
  }

  /** Rows that did not fit the width. */
  get wrapped(): number {
    const { active } = this.screenOf.buffer;
    return Array.from({ length: active.length }, (_, i) => active.getLine(i)!.isWrapped).filter(Boolean).length;
  }

  /** Waits until the screen shows something. @throws Error where the command ends without */
  async shows(what: RegExp): Promise<void> {
    await this.until(() => what.test(this.text) || this.code !== undefined);
    if (!what.test(this.text)) throw new Error(`expected ${what} on the screen, got:\n${this.text}`);
  }

  press(keys: string): void {
    this.process.write(keys);
  }

  kill(signal: string): void {
    this.process.kill(signal);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.written;
    this.screenOf.resize(columns, rows);
    this.process.resize(columns, rows);
  }

  /** Waits for the end. @returns the exit code */
  async end(): Promise<number> {
    await this.until(() => this.code !== undefined);
    await this.written;
    return this.code!;
  }

  private look(): void {
    for (const each of [...this.waiting]) each();
  }

  /** @throws Error with the screen, before the test's own time is over, which would not show it */
  private until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.waiting.delete(check);
        this.process.kill('SIGKILL');
        reject(new Error(`waited in vain; the screen shows:\n${this.text}`));
      }, patience);
      const check = () => {
        if (!holds()) return;
        clearTimeout(late);
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }
}

interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What Node runs instead of `promptkd`. */
  readonly program?: readonly string[];
}
