import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { writeDictionaryModel } from '../augment/text/seq2seq.fixture.js';
import { promptkd } from '../test/command.fixture.js';

describe('promptkd augment text', () => {
  const texts = ['a small car in front of a house', 'a photograph of an automobile on a road', 'a dog chasing a cat'];

  it('prints samples of each kind, the same from the same seed', async () => {
    const args = ['augment', 'text', '--text', ...texts, '--samples', '4', '--p', '0.5', '--json'];
    const { code, out } = await promptkd(...args);
    expect(code).toBe(0);
    const kinds = JSON.parse(out) as { kind: string; samples: { from: string; to: string }[] }[];
    expect(kinds.map(({ kind }) => kind)).toEqual(['synonyms', 'paraphrase', 'back-translation']);
    for (const { samples } of kinds) {
      expect(samples.length).toBeGreaterThan(1);
      expect(samples.every(({ from, to }) => texts.includes(from) && to !== from)).toBe(true);
    }
    expect((await promptkd(...args)).out).toBe(out);
  });

  it('prints fifty of the built-in captions', async () => {
    const { code, out } = await promptkd('augment', 'text', '--kind', 'paraphrase');
    expect(code).toBe(0);
    expect(out).toMatch(/^paraphrase \(50\)$/m);
  });

  it('goes through models there and back, and says which it expects', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'augment-models-'));
    try {
      const [there, back] = [join(folder, 'there'), join(folder, 'back')];
      await writeDictionaryModel(there, ['a', 'cat'], { a: 'une', cat: 'chatte' });
      await writeDictionaryModel(back, ['une', 'chatte'], { une: 'one', chatte: 'kitty' });
      const args = ['augment', 'text', '--kind', 'back-translation', '--text', 'a cat', '--json', '--translation'];
      const { out, err } = await promptkd(...args, there, back);
      expect(JSON.parse(err)).toEqual({ phase: 'texts translated', step: 1, steps: 1 });
      expect(JSON.parse(out)).toEqual([{ kind: 'back-translation', samples: [{ from: 'a cat', to: 'one kitty' }] }]);
      expect(await promptkd(...args, there)).toEqual({
        ...{ code: 2, out: '' },
        err: 'promptkd: --translation: expected two models, there and back, got 1\n',
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each([
    [['--p', '2'], 'promptkd: --p 2: expected a number from 0 to 1\n'],
    [['--text', 'a cat', '--language', 'xx'], /^promptkd: language xx: expected one of da, de, .*\n$/],
    [['--kind', 'rhyme'], /Allowed choices are synonyms, paraphrase, back-translation\.\n$/],
  ])('refuses %j', async (args, sentence) => {
    const { code, err } = await promptkd('augment', 'text', ...args);
    expect(err).toMatch(sentence);
    expect(code).toBe(2);
  });
});

describe('promptkd augment images', () => {
  it('draws a sheet of views, the same from the same seed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'augment-images-'));
    const images = join(folder, 'images');
    mkdirSync(images);
    try {
      for (const colour of ['red', 'green', 'blue']) {
        const image = sharp({ create: { width: 40, height: 30, channels: 3, background: colour } });
        await image.png().toFile(join(images, `${colour}.png`));
      }
      const draw = async (name: string, ...more: string[]) => {
        const file = join(folder, name);
        const data = ['--data', `folder:${images}?into=train`, '--size', '24', '--views', '3', '--images', '2'];
        const { code, err } = await promptkd('augment', 'images', ...data, '--out', file, ...more);
        expect(err).toBe('');
        expect(code).toBe(0);
        return readFileSync(file);
      };
      const sheet = await draw('a.png', '--preset', 'photos', '--set', 'mix.cutmix=1');
      expect(await draw('b.png', '--preset', 'photos', '--set', 'mix.cutmix=1')).toEqual(sheet);
      expect(await draw('c.png', '--preset', 'photos', '--seed', '1')).not.toEqual(sheet);
      expect(await sharp(sheet).metadata()).toMatchObject({ width: 156 + 4 * 30, height: 24 + 2 * 30 });
      // Beside each row stands what it is.
      for (const top of [24, 54]) {
        const label = await sharp(sheet).extract({ left: 0, top, width: 150, height: 24 }).stats();
        expect(label.isOpaque).toBe(true);
        expect(label.channels[0]!.min).toBeLessThan(120);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses what a recipe would refuse', async () => {
    const { code, err } = await promptkd('augment', 'images', '--out', 'x.png', '--set', 'blurr.probability=1');
    expect(err).toBe('promptkd: recipe: unknown field blurr; did you mean blur?\n');
    expect(code).toBe(2);
  });
});
