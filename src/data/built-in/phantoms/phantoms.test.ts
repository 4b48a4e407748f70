import { expect, it } from 'vitest';
import { openDataset } from '../../open.js';
import { openPhantoms, phantomFindings } from './index.js';

const { dataset, studies } = openPhantoms();

it('phantoms: every finding in every split, a report and captions each, and the same images each time', async () => {
  for (const split of ['train', 'val', 'test']) {
    const own = studies.filter((study) => study.split === split);
    expect(own).toHaveLength(dataset.splits[split]!.length);
    for (const finding of phantomFindings) {
      expect(own.filter(({ findings }) => findings.has(finding)).length, `${split}: ${finding}`).toBeGreaterThan(20);
    }
  }
  expect(studies.filter(({ report }) => !/^[A-Z].*\.$/.test(report))).toEqual([]);
  const several = studies.findIndex(({ findings }) => findings.size > 1);
  expect(dataset.splits.train![several]!.label).toBeUndefined();

  const again = await openDataset('phantoms');
  expect(again.fingerprint).toBe(dataset.fingerprint);
  const [first, second] = dataset.splits.test!;
  const image = await dataset.load(first!);
  expect(image).toMatchObject({ width: 128, height: 128, channels: 3 });
  expect(await again.load(first!)).toEqual(image);
  expect(await dataset.load(second!)).not.toEqual(image);
});

it('phantoms: what stands in the patient’s left is on the right of the image', async () => {
  const brightest = new Map<string, number>();
  for (const side of ['left', 'right']) {
    const named = new RegExp(`(large ${side} (pleural )?effusion|large pleural effusion on the ${side})`, 'i');
    const study = studies.find(({ findings, report }) => findings.size === 1 && named.test(report))!;
    const { data, width, height } = await dataset.load({ id: study.id, captions: [] });
    // The lower third of either half.
    const light = [0, 1].map((half) => {
      let sum = 0;
      for (let y = Math.round(height * 0.55); y < height * 0.75; y++) {
        for (let x = (half * width) / 2; x < ((half + 1) * width) / 2; x++) sum += data[3 * (y * width + x)]!;
      }
      return sum;
    });
    brightest.set(side, light.indexOf(Math.max(...light)));
  }
  expect(Object.fromEntries(brightest)).toEqual({ left: 1, right: 0 });
});
