import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { crc32c } from '../../files/index.js';
import { readRecords, scalarRecord, stepOf } from './event-records.js';
import type { HistoryEntry } from './history.js';
import { TensorboardEvents } from './tensorboard.js';

let runDir = '';
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'promptkd-events-'));
});
afterEach(() => rmSync(runDir, { recursive: true }));

const entry = (step: number, total = 1 / step): HistoryEntry => ({
  ...{ step, phase: 'joint', losses: { total }, learning_rate: 1e-3, gradient_norm: step === 2 ? null : 1 },
  ...{ images_per_second: 10, seconds: step },
  ...(step % 2 === 0 && { evaluation: { split: 'val', images: 8, top1: 0.5 } }),
});
const eventFile = () => {
  const files = readdirSync(join(runDir, 'tensorboard'));
  expect(files).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d+\./)]);
  return join(runDir, 'tensorboard', files[0]!);
};
const stepsIn = () => readRecords(readFileSync(eventFile())).map(({ message }) => stepOf(message));

it('has the sums that RFC 3720 and TFRecord give', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  const record = scalarRecord({ step: 3, wallTime: 1, scalars: { a: 0.5 } });
  expect([...record.subarray(12)].slice(0, -4)).toEqual([
    ...[9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 16, 3, 42, 10, 10, 8, 10, 1, 97, 21, 0, 0, 0, 0x3f],
  ]);
});

it('grows with the history, over a crash and a resume, without a step twice', async () => {
  const entries: HistoryEntry[] = [];
  const add = async (events: TensorboardEvents, one: HistoryEntry) => {
    const from = entries.findIndex(({ step }) => step >= one.step);
    if (from >= 0) entries.length = from;
    entries.push(one);
    await events.add(entries);
  };
  const first = new TensorboardEvents(runDir);
  for (const step of [1, 2, 3, 4]) await add(first, entry(step));
  expect(stepsIn()).toEqual([0, 1, 2, 3, 4]);
  truncateSync(eventFile(), statSync(eventFile()).size - 3);
  const second = new TensorboardEvents(runDir);
  for (const step of [3, 4, 5]) await add(second, entry(step, 7));
  expect(stepsIn()).toEqual([0, 1, 2, 3, 4, 5]);
  appendFileSync(eventFile(), 'torn');
  await add(new TensorboardEvents(runDir), entry(6));
  expect(stepsIn()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  // A run whose file is gone has all of its history again.
  rmSync(join(runDir, 'tensorboard'), { recursive: true });
  await add(new TensorboardEvents(runDir), entry(7));
  expect(stepsIn()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
