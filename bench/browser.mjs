// The headless browser of the benchmarks, and what lets its pages share memory between threads.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { skip } from './options.mjs';

const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((file) => existsSync(file));

/** Where no Chromium is installed, the benchmark is left out. */
export function launchChromium(...args) {
  if (!executablePath) skip('no Chromium at /usr/bin/chromium: apt-get install chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

/** With these headers a page may share memory between threads. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
