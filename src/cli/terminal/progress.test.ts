import { describe, expect, it } from 'vitest';
import { clockTime } from './pace.js';
import { createProgress } from './progress.js';

function recorder(): { stream: NodeJS.WriteStream; text: () => string } {
  const parts: string[] = [];
  const stream = { isTTY: false, write: (part: string) => parts.push(part) > 0 } as unknown as NodeJS.WriteStream;
  return { stream, text: () => parts.join('') };
}
const updates = [1, 2, 3, 4].map((step) => ({
  phase: 'prompts',
  step,
  steps: 4,
  losses: { total: 1 / step },
  imagesPerSecond: 99.6,
}));

describe('progress', () => {
  it('prints the first and last step as plain lines', () => {
    const { stream, text } = recorder();
    const progress = createProgress({}, stream);
    for (const update of updates) progress.update(update);
    progress.log('saved');
    expect(text()).toBe('prompts 1/4 · total 1.00 · 100 images/s\nprompts 4/4 · total 0.250 · 100 images/s\nsaved\n');
  });

  it('prints JSON lines for machines and nothing when quiet', () => {
    const { stream, text } = recorder();
    createProgress({ json: true }, stream).update(updates[0]!);
    expect(JSON.parse(text())).toEqual(updates[0]);
    const silent = recorder();
    createProgress({ quiet: true, json: true }, silent.stream).update(updates[0]!);
    expect(silent.text()).toBe('');
  });

  it('writes times as people do', () => {
    expect([59.6, 431, 4310].map(clockTime)).toEqual(['1:00', '7:11', '1:11:50']);
  });
});
