import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { imageFile, put } from '../../test/images.fixture.js';
import { openDataset } from '../open.js';
import { sameImages } from './same-images.js';

it('finds images of one split that are byte for byte in another', async () => {
  const root = mkdtempSync(join(tmpdir(), 'promptkd-same-'));
  try {
    for (const name of ['red', 'blue'])
      for (const i of [1, 2])
        await put(join(root, 'train'), `${name}/${i}.png`, await imageFile(`#${name === 'red' ? 'f' : '0'}0${i}080`));
    mkdirSync(join(root, 'val', 'red'), { recursive: true });
    copyFileSync(join(root, 'train/red/2.png'), join(root, 'val/red/again.png'));
    await put(join(root, 'val'), 'blue/new.png', await imageFile('#102030'));
    const dataset = await openDataset(`folder:${root}`);
    const { train, val } = dataset.splits;
    const same = await sameImages(dataset, val!, train!);
    expect(same).toEqual([{ id: 'val/red/again.png', as: 'train/red/2.png' }]);
    const made = { ...dataset, source: undefined };
    expect(await sameImages(made, val!, train!)).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
