import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { saveCheckpoint } from '../clip/checkpoint/checkpoint.js';
import { teacher } from '../test/colours.fixture.js';
import { promptkd } from '../test/command.fixture.js';

/** Commands of docs/guide.md that this journey leaves to the tests of their own: they take long, or go on until they are stopped. */
const elsewhere = ['doctor', 'quantize', 'compare', 'serve', 'resume', 'report', 'cascade', 'pretrain', 'tune-prompts'];
/** Photos of small things on a table, one folder a class: what the guide's reader has. */
const shapes: Record<string, string> = {
  cat: '<circle cx="40" cy="30" r="18" fill="#c33"/>',
  dog: '<rect x="24" y="14" width="32" height="32" fill="#3a3"/>',
  owl: '<path d="M40 8 62 50H18Z" fill="#33c"/>',
};

/** The guide's commands in their order, as they stand in blocks and between backticks. */
async function guideCommands(): Promise<string[][]> {
  const guide = await readFile(new URL('../../docs/guide.md', import.meta.url), 'utf8');
  // The numbered chapters; what follows is about the tasks, which have tests of their own.
  const journey = guide.slice(guide.indexOf('## 1. '), guide.indexOf('\n## ', guide.lastIndexOf('\n## 9. ') + 1));
  const lines = [...journey.matchAll(/(?:^npx |`)promptkd ([a-z][^`\n#]*)/gm)].map(([, rest]) => rest!.trim());
  return lines
    .filter((line) => !line.includes('--help') && line.includes(' '))
    .map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!))
    .filter(([command]) => !elsewhere.includes(command!));
}

it('takes a new user from a folder of photos to a page, by the commands of the guide', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'promptkd-journey-'));
  const at = (name: string) => join(folder, name);
  try {
    for (const [name, shape] of Object.entries(shapes)) {
      await mkdir(at(`photos/${name}`), { recursive: true });
      for (let i = 0; i < 10; i++) {
        const back = `<rect width="80" height="60" fill="hsl(${i * 36} 20% ${60 + i}%)"/>`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60">${back}${shape}</svg>`;
        await sharp(Buffer.from(svg))
          .jpeg()
          .toFile(at(`photos/${name}/${i}.jpg`));
      }
    }
    await saveCheckpoint(at('teacher'), teacher);
    const places: Record<string, string> = {
      'openai/clip-vit-base-patch32': at('teacher'),
      'folder:photos': `folder:${at('photos')}`,
      ...Object.fromEntries(['runs/mine', 'sheet.png', 'exported', 'page'].map((name) => [name, at(name)])),
    };
    const short = ['warmup', 'prompt', 'joint'].flatMap((phase) => ['--set', `phases.${phase}.steps=1`]);
    const commands = (await guideCommands()).map((words) => words.map((word) => places[word] ?? word));
    const ran: string[] = [];
    const run = async (words: readonly string[]) => {
      const more =
        words[0] === 'distill' ? [...short, '--set', 'batch=8', '--set', 'views=1', '--preset', 'quick'] : [];
      const ended = await promptkd(...words, ...more);
      expect([words.join(' '), ended.code, ended.err.includes('unexpected')]).toEqual([words.join(' '), 0, false]);
      ran.push(words[0]!);
      return ended.out;
    };
    for (const words of commands) {
      const out = await run(words);
      // "Leave --plan out."
      if (words.includes('--plan')) {
        expect(out).toMatch(/^trains .*\n[\s\S]*\ntime .*\n[\s\S]*chosen +Student: /m);
        expect(existsSync(at('runs/mine'))).toBe(false);
        expect(await run(words.filter((word) => word !== '--plan'))).toContain(at('runs/mine/student'));
      }
    }
    expect(ran).toEqual(['data', 'evaluate', 'distill', 'distill', 'evaluate', 'export', 'web']);
    for (const file of ['index.html', 'app.webmanifest', 'model/vision.onnx'])
      expect([file, existsSync(at(`page/${file}`))]).toEqual([file, true]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
