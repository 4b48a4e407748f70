// The headless browser of the benchmarks, and what lets its pages share memory between threads.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((file) => existsSync(file));

/** Why there is no browser, where no Chromium is installed: to be asked before anything else is made for it. */
export const noChromium = executablePath ? undefined : 'no Chromium at /usr/bin/chromium: apt-get install chromium';

/** @throws where no Chromium is installed, see {@link noChromium} */
export function launchChromium(...args) {
  if (noChromium) throw new Error(noChromium);
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

/** With these headers a page may share memory between threads. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
