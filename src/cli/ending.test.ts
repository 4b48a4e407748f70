import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { recipe, teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';
import { imageFile, put } from '../test/images.fixture.js';

it('says where patience ended a run, how good it is and what to try, to people and to machines alike', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-ending-'));
  const at = (name: string) => join(folder, name);
  try {
    for (const [split, each] of Object.entries({ train: 4, val: 2 }))
      for (const [name, colour] of Object.entries({ red: '#e01010', green: '#10e010', blue: '#1010e0' }))
        for (let i = 0; i < each; i++) await put(at(`images/${split}`), `${name}/${i}.png`, await imageFile(colour));
    await saveCheckpoint(at('teacher'), teacher);
    // At such a rate nothing changes: the second evaluation is no better than the first.
    const phases = { warmup: { steps: 1 }, prompt: { steps: 1 }, joint: { steps: 9, lr: 1e-12 } };
    await writeFile(at('recipe.yaml'), stringify(recipe({ phases, evaluation: { every: 1, patience: 1 } })));
    const distill = (out: string, ...more: string[]) => {
      const models = ['--teacher', at('teacher'), '--data', `folder:${at('images')}`, '--recipe', at('recipe.yaml')];
      return promptkd('distill', ...models, '--out', at(out), ...more);
    };
    const said = await distill('said', '--yes');
    expect([said.code, said.out]).toEqual([
      0,
      expect.stringMatching(/ended early, at step 4: no better for one evaluation\n.* parameters, .* images seen in/),
    ]);
    const { out } = await distill('told', '--json', '--quiet');
    const told = JSON.parse(out);
    expect(told).toMatchObject({ steps: 4, ended_early: true, best: { step: 3 }, evaluation: { step: 4, images: 6 } });
    // The same sentences, word for word.
    const [, tried = ''] = /\ntry {2}([\s\S]*?)\nsaved to/.exec(said.out) ?? [];
    expect(told.try).toEqual(tried === '' ? [] : tried.split(/\n {5}/));
    expect(told.try.join()).not.toContain('.steps=');
  } finally {
    await rm(folder, { recursive: true });
  }
});
