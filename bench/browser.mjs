// The headless browser of the benchmarks, and what lets its pages share memory between threads.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((file) => existsSync(file));

/** @throws where no Chromium is installed */
export function launchChromium(...args) {
  if (!executablePath) throw new Error('expected /usr/bin/chromium: apt-get install chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

/** With these headers a page may share memory between threads. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
