import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDataset } from '../data/index.js';
import { recipe, teacher } from '../test/colours.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';
import { History } from '../train/run/history.js';
import { StudentProbe } from './student-probe.js';

it('says which images of val and of test are among those trained on, and nothing where none is', async () => {
  const root = await mkdtemp(join(tmpdir(), 'promptkd-probe-'));
  try {
    for (const [split, blue] of Object.entries({ train: 10, val: 20, test: 30 }))
      for (const name of ['red', 'gold'])
        for (const i of [1, 2])
          await put(
            join(root, split),
            `${name}/${i}.png`,
            await imageFile(`#${name === 'red' ? 'f' : '0'}0${i}0${blue}`),
          );
    const said = async () => {
      const messages: string[] = [];
      const options = {
        ...{ recipe: recipe({ evaluation: { every: 1 } }), teacher, engine: { threads: 1 } },
        ...{ dataset: await openDataset(`folder:${root}`), onMessage: (message: string) => messages.push(message) },
      };
      expect(await StudentProbe.open(options, teacher, new History(undefined))).toBeDefined();
      return messages.filter((message) => message.includes('byte for byte'));
    };
    expect(await said()).toEqual([]);
    for (const [split, image] of [
      ['val', 'red/1.png'],
      ['test', 'gold/2.png'],
    ]) {
      await mkdir(join(root, split!), { recursive: true });
      await copyFile(join(root, 'train', image!), join(root, split!, image!));
    }
    expect(await said()).toEqual([
      expect.stringMatching(/^1 of the images of val is byte for byte .*\(val\/red\/1\.png is train\/red\/1\.png\)/),
      expect.stringMatching(
        /^1 of the images of test is byte for byte .*\(test\/gold\/2\.png is train\/gold\/2\.png\)/,
      ),
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
});
